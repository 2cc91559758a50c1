use fairgate::Semaphore;
use smol::future::{block_on, poll_once};

fn main() {
    let slots = Semaphore::new(5);
    let mut held = Vec::from([(); 5].map(|()| slots.try_acquire().unwrap()));
    let mut requests = [3, 1, 1].map(|n| Box::pin(slots.acquire_many(n)));
    for request in &mut requests {
        assert!(block_on(poll_once(request)).is_none());
    }
    let mut releases = 0;
    while let Some(permit) = held.pop() {
        drop(permit);
        releases += 1;
        let granted = requests.iter().filter(|request| request.is_granted()).count();
        println!("permits released: {releases}, requests granted: {granted}");
    }
}

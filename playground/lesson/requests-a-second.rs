use fairgate::Semaphore;
use smol::future::block_on;

const BURST: usize = 2;

fn main() {
    let tokens = Semaphore::new(BURST);
    // A timer calls it once a second.
    let tick = || {
        if tokens.available_permits() < BURST {
            tokens.add_permits(1);
        }
    };
    // A request takes a token and never releases it.
    let request = async || tokens.acquire().await.unwrap().forget();
    let show = |when: &str| {
        let empty = tokens.available_permits() == 0;
        println!("{when}: {}", if empty { "no token" } else { "a token is left" });
    };

    block_on(async {
        request().await;
        show("after one request");
        request().await;
        show("after two requests");
        tick();
        request().await;
        show("after a tick and a third request");
    });
    (0..10).for_each(|_| tick());
    println!("ten quiet seconds save up {} tokens", tokens.available_permits());
}

//! How a question is asked: every contestant in turn, round after round, so that whatever disturbs the
//! machine disturbs all of them alike.

mod bars;
mod chart;
mod contest;
mod line;
mod machine;
mod results;
mod table;

pub use contest::{Contest, Measure, Question, Statistic};
pub use line::{Line, line, short_lines_side_by_side};
pub use results::{Figure, Results};

/// Enters gates into a contest, each with what `$sample` makes for it.
macro_rules! enter {
    ($contest:expr, $sample:ident $arguments:tt: $($gate:ident),+ $(,)?) => {
        $($contest.enter::<$gate>($sample::<$gate> $arguments);)+
    };
}
pub(crate) use enter;

/// Polls a future that is ready, where it is made: handing it to a function would copy it.
macro_rules! ready {
    ($future:expr) => {{
        let mut future = std::pin::pin!($future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => unreachable!("nobody else holds anything"),
        }
    }};
}
pub(crate) use ready;

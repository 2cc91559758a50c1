//! The engine in the browser: three functions and two buffers. `host-wasm.js` calls them.

use std::cell::RefCell;

use crate::api;

thread_local! {
    static QUESTION: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for a question of this length. The caller writes it there before the next call.
#[allow(unsafe_code, reason = "a module without exports is of no use; no other symbol has this name")]
#[unsafe(no_mangle)]
extern "C" fn question(bytes: usize) -> *mut u8 {
    QUESTION.with_borrow_mut(|question| {
        question.clear();
        question.resize(bytes.min(api::MOST_BYTES + 1), 0);
        question.as_mut_ptr()
    })
}

/// Answers the question. The first byte of the answer is `+` before JSON, `-` before a sentence.
#[allow(unsafe_code, reason = "a module without exports is of no use; no other symbol has this name")]
#[unsafe(no_mangle)]
extern "C" fn answer() -> *const u8 {
    let question = QUESTION.with_borrow(|question| String::from_utf8_lossy(question).into_owned());
    let (sign, text) = match api::answer(&question) {
        Ok(json) => (b'+', json),
        Err(why) => (b'-', why),
    };
    ANSWER.with_borrow_mut(|answer| {
        answer.clear();
        answer.push(sign);
        answer.extend_from_slice(text.as_bytes());
        answer.as_ptr()
    })
}

/// The length of the answer in bytes.
#[allow(unsafe_code, reason = "a module without exports is of no use; no other symbol has this name")]
#[unsafe(no_mangle)]
extern "C" fn answer_bytes() -> usize {
    ANSWER.with_borrow(Vec::len)
}

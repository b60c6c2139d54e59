//! Reading a file that may be anything.
//!
//! Why: a file that somebody has changed is no longer what the library was written to read, and where it gives up by
//! a panic, that must be an answer about the file and not the end of the program.
//!
//! Invariants: only work that holds no state outlives a panic of it; nobody is told of such a panic but the caller.
//!
//! Must not know: what is read.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// True while this thread reads what may be anything.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// From now on a panic that is expected is not printed; any other is, as before.
fn say_nothing_of_expected() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                before(panic);
            }
        }));
    });
}

/// Does work that reads foreign bytes and nothing else, on this thread alone; None where it panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    say_nothing_of_expected();
    EXPECTED.set(true);
    // Nothing that the work has touched is looked at afterwards.
    let done = catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(false);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        assert_eq!(guarded(|| 7), Some(7));
        let nothing: &[u8] = &[];
        assert_eq!(guarded(|| nothing[usize::from(std::hint::black_box(3u8))]), None);
        assert!(!EXPECTED.get());
    }
}

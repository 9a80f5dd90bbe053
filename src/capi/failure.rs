//! What went wrong last, thread by thread, and panics kept from leaving Rust.

use std::{
    cell::RefCell,
    ffi::{CString, c_char},
    fmt::Display,
    panic::{self, AssertUnwindSafe},
};

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Does `work`, and has its error told by [`last`]. C gets `otherwise` then.
pub fn told<T, E: Display>(otherwise: T, work: impl FnOnce() -> Result<T, E>) -> T {
    // A frame of C knows nothing of unwinding. What `work` leaves behind is dropped with it.
    let error = match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => return value,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "a fault of this library, told of on standard error".to_owned(),
    };
    LAST.with_borrow_mut(|last| *last = text(&error));
    otherwise
}

/// The text of the last error on this thread, empty if there was none. It is good until the next one.
pub fn last() -> *const c_char {
    LAST.with_borrow(|last| last.as_ptr())
}

/// As much of `text` as C can read.
pub fn text(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_and_a_panic_become_a_value_and_a_text() {
        assert_eq!(told(-1, || Ok::<_, String>(7)), 7);
        assert_eq!(told(-1, || Err("out\0of luck")), -1);
        let copy = LAST.with_borrow(CString::clone);
        assert_eq!(copy.as_c_str(), c"out?of luck");
        let panics = || -> Result<i32, String> { panic!("as it shall") };
        assert_eq!(told(-1, panics), -1);
        let copy = LAST.with_borrow(CString::clone);
        assert!(copy.to_str().unwrap().starts_with("a fault of this library"), "{copy:?}");
    }
}

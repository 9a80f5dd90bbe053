//! The log, which the `log` crate has once for a whole process, passed on to a function of C.

use crate::capi::failure::text;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
    sync::{PoisonError, RwLock},
};

/// `fxpd_log_fn`.
pub type LogFn = extern "C" fn(context: *mut c_void, level: c_int, message: *const c_char);

/// Who hears the log.
pub struct Receiver {
    /// What it calls its own. Nobody here looks behind it.
    pub context: *mut c_void,
    /// What it is called by.
    pub call: LogFn,
}

struct Passing(RwLock<Option<(usize, LogFn)>>);

static PASSING: Passing = Passing(RwLock::new(None));

/// Has `receiver` hear everything up to `level`: 1 for errors alone, 5 for everything. `None` ends it.
/// When this returns, whoever was called before is called no more.
pub fn set(receiver: Option<Receiver>, level: c_int) -> Result<(), String> {
    let filter = match (&receiver, level) {
        (None, _) => LevelFilter::Off,
        (_, 1) => LevelFilter::Error,
        (_, 2) => LevelFilter::Warn,
        (_, 3) => LevelFilter::Info,
        (_, 4) => LevelFilter::Debug,
        (_, 5) => LevelFilter::Trace,
        (_, other) => return Err(format!("{other} is no level of the log: 1 to 5 are")),
    };
    // Refused the second time, when it is ours, and where a Rust program around this has its own.
    let _ = log::set_logger(&PASSING);
    if !ptr::addr_eq(log::logger(), &PASSING) {
        return Err("this process has a logger of its own".to_owned());
    }
    let receiver = receiver.map(|it| (it.context.expose_provenance(), it.call));
    *PASSING.0.write().unwrap_or_else(PoisonError::into_inner) = receiver;
    log::set_max_level(filter);
    Ok(())
}

impl Log for Passing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            Level::Error => 1,
            Level::Warn => 2,
            Level::Info => 3,
            Level::Debug => 4,
            Level::Trace => 5,
        };
        let message = text(&record.args().to_string());
        let receiver = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((context, call)) = *receiver {
            call(ptr::with_exposed_provenance_mut(context), level, message.as_ptr());
        }
    }

    fn flush(&self) {}
}

//! A bar on the terminal while a copy runs. Where there is no terminal, nothing.

use crate::options::Talk;
use fxpd::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};

/// A bar where we see the bytes, a clock where only the servers do.
pub struct Bar {
    bar: ProgressBar,
}

const BAR: &str =
    "{bar:30} {percent:>3}% {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
const COUNT: &str = "{spinner} {binary_bytes} {binary_bytes_per_sec}";
const CLOCK: &str = "{spinner} {msg} {elapsed}";

impl Bar {
    pub fn new(talk: Talk) -> Bar {
        let shown = talk != Talk::Quiet && io::stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Bar { bar: ProgressBar::with_draw_target(None, target) }
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

impl Progress for Bar {
    fn begin(&mut self, size_bytes: Option<u64>) {
        match size_bytes {
            Some(size) => self.bar.set_length(size),
            None => self.bar.unset_length(),
        }
        self.style(if size_bytes.is_some() { BAR } else { COUNT });
    }

    fn at(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    fn waiting(&mut self) {
        if self.bar.message().is_empty() {
            let size = self.bar.length().map(|size| indicatif::BinaryBytes(size).to_string());
            self.style(CLOCK);
            self.bar.set_message(format!("{} between the servers", size.unwrap_or_default()));
        }
        self.bar.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

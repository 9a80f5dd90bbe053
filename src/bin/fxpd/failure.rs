//! Why the program ends, as one line for people and one number (sysexits) for scripts.

use std::{fmt, process::ExitCode};

/// The line that standard error shows behind `fxpd: `, and the exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// 64: the command line is wrong.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure { code: 64, message: format!("{message}; see fxpd --help") }
    }

    /// 65: what was given as input cannot be used, such as two passwords that differ.
    pub fn input(message: impl fmt::Display) -> Failure {
        Failure { code: 65, message: message.to_string() }
    }

    /// 69: an address cannot be listened on.
    pub fn unavailable(message: impl fmt::Display) -> Failure {
        Failure { code: 69, message: message.to_string() }
    }

    /// 71: the system refused something that it grants as a rule.
    pub fn system(message: impl fmt::Display) -> Failure {
        Failure { code: 71, message: message.to_string() }
    }

    /// 73: a file cannot be created or replaced.
    pub fn cannot_create(message: impl fmt::Display) -> Failure {
        Failure { code: 73, message: message.to_string() }
    }

    /// 78: the configuration, or a file it names, is wrong.
    pub fn config(message: impl fmt::Display) -> Failure {
        Failure { code: 78, message: message.to_string() }
    }

    /// The number for the shell.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

//! Why the program ends, as one line for people and one number (sysexits) for scripts.

use std::{fmt, process::ExitCode};

/// The line that standard error shows behind `fxpd: `, and the exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    /// None when it has been said already.
    message: Option<String>,
}

impl Failure {
    /// 64: the command line is wrong.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure { code: 64, message: Some(format!("{message}; see fxpd --help")) }
    }

    /// 65: what was given as input cannot be used, such as two passwords that differ.
    pub fn input(message: impl fmt::Display) -> Failure {
        Failure { code: 65, message: Some(message.to_string()) }
    }

    /// 69: an address cannot be listened on.
    pub fn unavailable(message: impl fmt::Display) -> Failure {
        Failure { code: 69, message: Some(message.to_string()) }
    }

    /// 71: the system refused something that it grants as a rule.
    pub fn system(message: impl fmt::Display) -> Failure {
        Failure { code: 71, message: Some(message.to_string()) }
    }

    /// 73: a file cannot be created or replaced.
    pub fn cannot_create(message: impl fmt::Display) -> Failure {
        Failure { code: 73, message: Some(message.to_string()) }
    }

    /// 78: the configuration, or a file it names, is wrong.
    pub fn config(message: impl fmt::Display) -> Failure {
        Failure { code: 78, message: Some(message.to_string()) }
    }

    /// The process that did the work has failed with this code, and said why.
    pub fn told(code: u8) -> Failure {
        Failure { code, message: None }
    }

    /// What there is to say.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The number for the shell.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or("see above"))
    }
}

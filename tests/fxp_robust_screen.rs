//! What `fxp` shows on a terminal of 80 columns and 24 lines, as tmux sees it.

use crate::{
    fxp_pairs::{fxp, url},
    program::{Program, sample},
    site::{PATIENCE, Site},
};
use std::{
    fs::File,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

static TERMINALS: AtomicU32 = AtomicU32::new(0);

/// A terminal of its own, gone when dropped.
struct Terminal {
    name: String,
}

impl Terminal {
    /// In which a shell runs these words, and then says how they ended.
    fn runs(home: &Program, words: &str) -> Terminal {
        let number = TERMINALS.fetch_add(1, Ordering::Relaxed);
        let terminal = Terminal { name: format!("fxp-{}-{number}", std::process::id()) };
        let words = format!(
            "trap : INT; cd '{}'; export HOME=. FXP_PASSWORD=pw; {words}; echo \"ended: $?\"; exec cat",
            home.path("").display()
        );
        let started =
            terminal.tmux(&["new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", &words]);
        assert!(started.is_some(), "tmux does not start: apt-get install tmux");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.name, "-f", "/dev/null"]).args(arguments);
        let output = tmux.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).unwrap())
    }

    /// All lines that are or were on the screen; those that were too long for it are two.
    fn lines(&self) -> Vec<String> {
        let screen = self.tmux(&["capture-pane", "-p", "-S", "-"]).expect("the screen");
        screen.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Looks until the screen is as it should be.
    #[track_caller]
    fn shows(&self, is_enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let lines = self.lines();
            if is_enough(&lines) {
                return lines;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", lines.join("\n"));
            std::thread::yield_now();
        }
    }

    /// What is there when a line says so, without the empty lines below.
    #[track_caller]
    fn shows_when(&self, is_end: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = self.shows(|lines| lines.iter().any(|line| is_end(line)));
        lines.retain(|line| !line.is_empty());
        lines
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

/// A line of a bar: a name or what is counted, the bar, and how far it is.
fn is_bar(line: &str) -> bool {
    line.contains('%') || line.contains('█') || line.contains('░')
}

fn known(site: &Site, fxp: &Program) {
    let arguments = ["--trust-new", "-n", "-r", &url(site, ""), "."];
    fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")]).succeeds();
}

#[test]
fn a_tree_leaves_what_failed_and_one_line_for_all_the_rest() {
    let (source, target, fxp) = (Site::start(), Site::start(), fxp());
    for number in 0..12 {
        let name = format!("a long name that has no room beside a bar of any length {number:02}");
        source.put(&name, &sample(3_000_000));
    }
    source.put("b", b"in the way of a directory");
    std::fs::create_dir(target.path("b")).unwrap();
    known(&source, &fxp);
    known(&target, &fxp);
    let words = format!(
        "{} -r -j 4 --resume '{}' '{}'",
        env!("CARGO_BIN_EXE_fxp"),
        url(&source, ""),
        url(&target, "")
    );
    let terminal = Terminal::runs(&fxp, &words);
    let amid = terminal.shows(|lines| lines.iter().filter(|line| is_bar(line)).count() >= 3);
    // One for each lane and one for all: none is wrapped, and none is left over.
    let bars = amid.iter().filter(|line| is_bar(line));
    assert!(bars.clone().count() <= 5 && bars.clone().all(|line| line.contains("B/s")), "{amid:?}");
    let lines = terminal.shows_when(|line| line.starts_with("ended: "));
    assert_eq!(lines.len(), 5, "{}", lines.join("\n"));
    assert_eq!(lines[0], "fxp: b: cannot create b: the target has a directory of that name");
    assert!(lines[1].starts_with("12 copied, 0 left alone, 0 deleted, 1 failed; 34.33 MiB in "));
    assert_eq!(
        lines[2..],
        ["target passive, target TLS client by SSCN", "fxp: 1 failed", "ended: 73"]
    );
}

#[test]
fn ctrl_c_leaves_a_tidy_screen() {
    let (site, fxp) = (Site::start(), fxp());
    File::create(site.path("big")).unwrap().set_len(200 << 30).unwrap();
    known(&site, &fxp);
    let words = format!("{} '{}' big", env!("CARGO_BIN_EXE_fxp"), url(&site, "big"));
    let terminal = Terminal::runs(&fxp, &words);
    terminal.shows(|lines| lines.iter().any(|line| is_bar(line) && !line.contains(" 0 B/s")));
    terminal.tmux(&["send-keys", "C-c"]).unwrap();
    let lines = terminal.shows_when(|line| line.ends_with("ended: 130"));
    let (bars, rest): (Vec<_>, Vec<_>) = lines.iter().partition(|line| is_bar(line));
    assert_eq!((bars.len(), rest.len()), (1, 1), "{}", lines.join("\n"));
}

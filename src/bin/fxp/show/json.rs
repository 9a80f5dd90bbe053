//! An object for each event, on a line of its own (JSON lines).

use crate::{exit::Failure, report, show::Show};
use fxpd::{Event, Observer, Summary, Why};
use serde_json::{Value, json};

/// Writes them to standard output.
pub struct Json;

impl Observer for Json {
    fn event(&mut self, event: &Event<'_>) {
        if let Some(object) = object(event) {
            // That nobody reads it is no reason to stop copying.
            let _ = report::say(&object.to_string());
        }
    }
}

impl Show for Json {
    fn end(&mut self, summary: &Summary) -> Result<(), Failure> {
        let object = json!({
            "event": "summary",
            "copied": summary.copied,
            "skipped": summary.skipped,
            "deleted": summary.deleted,
            "failed": summary.failed,
            "untried": summary.untried,
            "bytes": summary.bytes,
            "seconds": summary.elapsed.as_secs_f64(),
            "route": summary.plan.map(|plan| plan.to_string()),
        });
        report::say(&object.to_string())
    }
}

fn object(event: &Event<'_>) -> Option<Value> {
    Some(match event {
        Event::Surveyed { files, bytes } => {
            json!({ "event": "surveyed", "files": files, "bytes": bytes })
        }
        Event::Begun { lane, path, bytes } => {
            json!({ "event": "begun", "lane": lane, "path": path.to_string(), "size": bytes })
        }
        Event::At { lane, bytes } => json!({ "event": "progress", "lane": lane, "bytes": bytes }),
        Event::Retrying { lane, path, error, pause } => json!({
            "event": "retrying",
            "lane": lane,
            "path": path.to_string(),
            "error": error.to_string(),
            "pause_seconds": pause.as_secs_f64(),
        }),
        Event::Done { lane, entry, moved, elapsed, .. } => json!({
            "event": "done",
            "lane": lane,
            "file": entry,
            "bytes": moved,
            "seconds": elapsed.as_secs_f64(),
        }),
        Event::Skipped(path, why) => {
            json!({ "event": "skipped", "path": path.to_string(), "why": reason(*why) })
        }
        Event::Changed(step) => {
            json!({ "event": report::verb(step.act), "path": step.path.to_string() })
        }
        Event::Failed { path, error } => json!({
            "event": "failed",
            "path": report::path(path),
            "error": error.to_string(),
        }),
        _ => return None,
    })
}

fn reason(why: Why) -> &'static str {
    report::reason(why)
}

//! The settings of a pipeline by name, and the lines on which a file sets them.
//!
//! Why: "which value holds, and who said so" is asked when two places may have said something.
//!
//! Invariants: every key that a file may hold has its setting, under the name that it has there.
//!
//! Must not know: flags, files.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::Pipeline;
use crate::stage::decide::Retrain;
use crate::stage::features::Activities;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`.
    pub key: &'static str,
    /// The value that holds, as it would be written; None where there is none.
    pub value: Option<String>,
}

fn setting(key: &'static str, value: impl ToString) -> Setting {
    Setting {
        key,
        value: Some(value.to_string()),
    }
}

fn perhaps(key: &'static str, value: Option<impl ToString>) -> Setting {
    Setting {
        key,
        value: value.map(|value| value.to_string()),
    }
}

impl Pipeline {
    /// Every setting, in the order in which the shipped files have them.
    pub fn settings(&self) -> Vec<Setting> {
        let params = &self.params;
        let schedule = self.schedule.as_ref();
        let retrain = match self.reuse.retrain {
            Retrain::Auto => "auto",
            Retrain::Always => "always",
            Retrain::Never => "never",
        };
        let log = if self.log_refreshed { "all" } else { "changes" };
        let [run, walk] = params.anchors;
        vec![
            setting("name", &self.name),
            setting("source.activities", activities(&self.activities)),
            perhaps("source.from", self.from),
            perhaps("source.to", self.to),
            setting("model.algorithm", params.algorithm),
            setting("model.clusters", params.k),
            setting("model.restarts", params.restarts),
            setting("model.anchors", format!("[{run}, {walk}]")),
            setting("model.anchor_weight", params.anchor_weight),
            setting("model.mixed_band", params.mixed_band),
            setting("model.outlier_share", params.outlier_share),
            setting("model.seed", self.seed),
            perhaps("fallback.era_date", params.era.date),
            setting("fallback.before", params.era.before),
            setting("fallback.after", params.era.after),
            setting("fallback.confidence", params.era.confidence),
            setting("retrain.mode", retrain),
            perhaps("retrain.max_age_days", self.reuse.max_age_days),
            perhaps("retrain.new_share", self.reuse.new_share),
            perhaps("retrain.feedback_threshold", self.reuse.feedback_threshold),
            setting("gate.max_churn", self.max_churn),
            setting("write.chunk_rows", self.chunk_rows),
            setting("audit.log", log),
            perhaps("limits.max_memory", self.max_memory),
            perhaps("schedule.cron", schedule.and_then(|it| it.pattern())),
            perhaps("schedule.timezone", schedule.map(|it| it.zone.name())),
            perhaps(
                "schedule.catchup",
                schedule.map(|it| format!("{:?}", it.catchup).to_lowercase()),
            ),
            perhaps("schedule.on_feedback", schedule.map(|it| it.on_feedback)),
        ]
    }
}

fn activities(activities: &Activities) -> String {
    match activities {
        Activities::All => "all".to_owned(),
        foot if *foot == Activities::default() => "foot".to_owned(),
        Activities::Foot(words) => format!("[{}]", words.join(", ")),
    }
}

/// The line, from 1, of each key of a file, by `section.key`; empty for a text that is no TOML.
pub fn key_lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        note(table.get_ref(), "", text, &mut lines);
    }
    lines
}

fn note(table: &DeTable<'_>, section: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = format!("{section}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => note(inner, &format!("{name}."), text, lines),
            _ => {
                let start = key.span().start.min(text.len());
                lines.insert(name, text[..start].matches('\n').count() + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_the_shipped_files_is_a_setting_with_its_line() {
        for text in [
            include_str!("../../pipelines/nightly.toml"),
            include_str!("../../pipelines/classic.toml"),
            include_str!("../../pipelines/retrain.toml"),
        ] {
            let pipeline = Pipeline::parse(text, "p.toml").expect("valid");
            let names: Vec<&str> = pipeline.settings().into_iter().map(|it| it.key).collect();
            for (key, line) in key_lines(text) {
                assert!(names.contains(&key.as_str()), "{key} is no setting");
                let short = key.rsplit('.').next().expect("a key");
                let found = text.lines().nth(line - 1).expect("a line");
                assert!(found.starts_with(short), "{key} is not on line {line}: {found}");
            }
        }
    }
}

//! Invariant 10, one behaviour on two stores: one list of cases, run on SQLite and on MariaDB, and
//! after each the tables are equal to the last cell.

use paceline::pipeline::import::ImportOptions;
use paceline::pipeline::prepare::Options;
use paceline::stage::decide::Retrain;
use paceline::store::workouts::Window;
use paceline::vocab::{Algorithm, ModelStatus};

use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World, difference};
use crate::support::{TestStore, block_on, now};

/// A case acts on a world; what it leaves in the tables is compared.
macro_rules! cases {
    ($($name:ident => |$world:ident| $body:block)+) => {
        $(async fn $name($world: &World) $body)+

        const CASES: &[&str] = &[$(stringify!($name)),+];

        async fn act(case: &str, world: &World) {
            match case {
                $(stringify!($name) => $name(world).await,)+
                other => unreachable!("{other} is no case"),
            }
        }
    };
}

/// The first `n` rows of the sample, with its header.
fn sample(n: usize) -> String {
    SAMPLE.lines().take(n + 1).map(|line| format!("{line}\r\n")).collect()
}

const HEADER: &str =
    "workout_id,workout_date,activity_type,kcal_burned,distance_mi,duration_sec,avg_pace,max_pace,steps,link,label\n";

/// Canonical rows: id, date, minutes per mile, label.
fn canonical(rows: &[(&str, &str, f64, &str)]) -> String {
    let mut text = HEADER.to_owned();
    for (id, date, pace, label) in rows {
        text.push_str(&format!(
            "{id},{date},Run,300,3.1,{},{pace},,4000,,{label}\n",
            pace * 3.1 * 60.0
        ));
    }
    text
}

cases! {
    an_empty_table_is_read_and_nothing_written => |world| {
        let report = world.run(NIGHTLY).await;
        assert_eq!((report.rows.read, report.rows_written), (0, 0));
    }

    the_whole_sample_in_and_classified => |world| {
        let imported = world.import(SAMPLE).await;
        assert_eq!(imported.read, imported.new + imported.quarantined);
        assert!(imported.quarantined > 0);
        let report = world.run(NIGHTLY).await;
        assert_eq!(report.rows.read, report.rows.classified + report.rows.skipped + report.rows.quarantined);
        assert_eq!(report.changes.new, report.rows.classified);
    }

    a_second_import_and_run_write_nothing => |world| {
        let first = world.import(&sample(400)).await;
        world.run(NIGHTLY).await;
        let again = world.import(&sample(400)).await;
        assert_eq!((again.new, again.changed, again.unchanged), (0, 0, first.new));
        let report = world.run(NIGHTLY).await;
        assert_eq!(report.rows_written, 0, "{report:?}");
        assert_eq!(report.decision.action, "reused");
        assert_eq!(world.count("audit_segments").await, 1);
    }

    a_newer_export_changes_adds_and_never_deletes => |world| {
        world.import(&canonical(&[("1", "2024-01-01", 9.0, ""), ("2", "2024-01-02", 20.0, "")])).await;
        world.run(NIGHTLY).await;
        let newer = world.import(&canonical(&[("2", "2024-01-02", 9.5, ""), ("3", "2024-01-03", 8.0, "")])).await;
        assert_eq!((newer.new, newer.changed, newer.unchanged), (1, 1, 0));
        assert_eq!(world.count("workout_summary").await, 3);
        let options = Options { retrain: Some(Retrain::Never), accept_churn: true, ..Options::default() };
        let report = world.try_run(NIGHTLY, &options).await.expect("run");
        assert_eq!((report.changes.new, report.changes.changed), (1, 1));
    }

    another_algorithm_is_a_major_version => |world| {
        world.import(&sample(600)).await;
        world.run(NIGHTLY).await;
        let report = world.run(CLASSIC).await;
        assert_eq!(report.model.model_version.as_deref(), Some("2.0.0"));
        assert!(report.changes.changed > 0 && report.changes.refreshed > 0);
    }

    chunks_are_transactions_of_their_own => |world| {
        world.import(&sample(300)).await;
        let report = world.run(&NIGHTLY.replace("chunk_rows = 5000", "chunk_rows = 70")).await;
        assert_eq!(u64::from(report.chunks), report.changes.new.div_ceil(70));
        assert_eq!(world.count("audit_segments").await, u64::from(report.chunks));
    }

    a_window_narrows_what_is_classified_and_not_what_is_learned => |world| {
        world.import(SAMPLE).await;
        let window = Window { from: "2021-01-01".parse().ok(), to: "2021-07-01".parse().ok() };
        let options = Options { window: Some(window), ..Options::default() };
        let report = world.try_run(NIGHTLY, &options).await.expect("run");
        assert!(report.rows.read > 0 && report.rows.read < 500, "{report:?}");
        assert!(report.model.training_rows.is_some_and(|rows| rows > 2_000), "{report:?}");
        let rest = world.run(NIGHTLY).await;
        assert_eq!(rest.decision.action, "reused");
        assert_eq!(rest.changes.new + rest.changes.unchanged, rest.rows.classified);
        assert_eq!(rest.changes.changed, 0);
    }

    labels_of_a_file_become_the_first_verdicts => |world| {
        let rows = [("a", "2024-01-01", 9.0, "walk"), ("b", "2024-01-02", 20.0, "walk"), ("c", "2024-01-03", 8.0, "jog"), ("d", "2024-01-04", 8.5, "")];
        let options = ImportOptions { record_labels: true };
        let report = world.import_with(&canonical(&rows), options).await;
        assert_eq!((report.labels_recorded, report.labels_left), (2, 1));
        let again = world.import_with(&canonical(&rows), options).await;
        assert_eq!((again.labels_recorded, again.labels_left), (0, 3));
        let options = Options { accept_churn: true, ..Options::default() };
        let run = world.try_run(NIGHTLY, &options).await.expect("run");
        assert_eq!((run.changes.new, run.changes.changed, run.changes.refreshed), (2, 1, 1));
    }

    a_person_wins_and_the_models_word_is_kept => |world| {
        world.import(&sample(300)).await;
        world.run(NIGHTLY).await;
        world.raw.run("UPDATE workout_ml_classifications SET current_classification = 'pup_walk', is_user_override = 1, classification_source = 'user_override' WHERE current_classification = 'real_run'").await;
        let overridden = world.raw.rows("SELECT workout_id, current_classification FROM workout_ml_classifications WHERE is_user_override = 1 ORDER BY workout_id").await;
        assert!(!overridden.is_empty());
        let report = world.run(NIGHTLY).await;
        assert_eq!(report.changes.protected, overridden.len() as u64);
        assert_eq!(report.rows_written, overridden.len() as u64, "only the model's opinion");
        assert_eq!(report.changes.changed, 0);
        let again = world.run(NIGHTLY).await;
        assert_eq!((again.changes.protected, again.rows_written), (overridden.len() as u64, 0));
        let after = world.raw.rows("SELECT workout_id, current_classification FROM workout_ml_classifications WHERE is_user_override = 1 ORDER BY workout_id").await;
        assert_eq!(after, overridden);
        let opinions = world.raw.rows("SELECT DISTINCT original_ml_classification FROM workout_ml_classifications WHERE is_user_override = 1").await;
        assert_eq!(opinions, [["real_run"]]);
    }

    refreshed_rows_are_logged_when_asked => |world| {
        world.import(&sample(200)).await;
        world.run(NIGHTLY).await;
        world.import(SAMPLE).await;
        let before = world.count("workout_classification_history").await;
        let options = Options { retrain: Some(Retrain::Always), accept_churn: true, ..Options::default() };
        let report = world.try_run(&NIGHTLY.replace("log = \"changes\"", "log = \"all\""), &options).await.expect("run");
        assert!(report.changes.refreshed > 0);
        let logged = world.count("workout_classification_history").await - before;
        assert_eq!(logged, report.changes.new + report.changes.changed + report.changes.refreshed);
        assert_eq!(report.model.model_version.as_deref(), Some("1.1.0"));
    }

    churn_above_the_gate_writes_no_verdict_and_keeps_the_candidate => |world| {
        world.import(&sample(600)).await;
        world.run(NIGHTLY).await;
        let strict = CLASSIC.replace("max_churn = 1.0", "max_churn = 0.001");
        let error = world.try_run(&strict, &Options::default()).await.expect_err("stopped");
        assert_eq!(error.kind.as_str(), "gate");
        let kept = world.raw.rows("SELECT status, is_production FROM ml_model_registry ORDER BY registry_id").await;
        assert_eq!(kept, [["active", "1"], ["archived", "0"]]);
        assert_eq!(world.count("audit_segments").await, 1);
    }

    a_candidate_is_kept_out_of_production_when_asked => |world| {
        world.import(&sample(300)).await;
        let options = Options { no_activate: true, notes: Some("a first look".to_owned()), ..Options::default() };
        let report = world.try_run(NIGHTLY, &options).await.expect("run");
        assert_eq!((report.status, report.rows_written), ("candidate", 0));
        assert_eq!(world.count("workout_ml_classifications").await, 0);
        let id = report.model.model_id.expect("a model");
        world.store.activate_model(&id, None, None, world.now()).await.expect("activate");
        let run = world.run(NIGHTLY).await;
        assert_eq!(run.model.model_id.as_deref(), Some(id.as_str()));
    }

    a_model_lives_and_dies => |world| {
        world.import(&sample(300)).await;
        let first = world.run(NIGHTLY).await.model.model_id.expect("a model");
        let second = world.run(CLASSIC).await.model.model_id.expect("a model");
        let seen = Some(second.as_str());
        let back = world.store.previous_active_model().await.expect("query");
        assert_eq!(back.as_deref(), Some(first.as_str()));
        world.store.activate_model(&first, seen, None, world.now()).await.expect("rollback");
        world.store.retire_model(&second, ModelStatus::Failed, "labels half the workouts wrongly", world.now()).await.expect("fail");
        world.store.activate_model(&second, Some(&first), None, world.now()).await.expect_err("failed models stay failed");
        world.store.retire_model(&first, ModelStatus::Deprecated, "superseded", world.now()).await.expect("deprecate");
        assert!(world.store.active_model().await.expect("query").is_none());
    }

    too_little_for_the_classic_recipe_falls_back_to_the_era => |world| {
        world.import(&canonical(&[("1", "2024-01-01", 9.0, ""), ("2", "2024-01-02", 20.0, "")])).await;
        let report = world.run(CLASSIC).await;
        assert_eq!((report.rows.classified, report.rows.fallback), (2, 2));
        assert_eq!(report.model.model_id, None);
        assert_eq!(world.count("ml_model_registry").await, 0);
        let again = world.run(CLASSIC).await;
        assert_eq!(again.rows_written, 0);
        let options = Options { algorithm: Some(Algorithm::AnchoredKmeans), accept_churn: true, ..Options::default() };
        let anchored = world.try_run(CLASSIC, &options).await.expect("run");
        assert_eq!(anchored.rows.fallback, 0);
    }
}

#[test]
fn each_case_leaves_the_same_tables_on_both_stores() {
    block_on(async {
        for case in CASES {
            let mut dumps = Vec::new();
            for raw in [TestStore::sqlite().await, TestStore::mariadb().await] {
                raw.db.migrate(now()).await.expect("migrate");
                let world = World::new(raw);
                act(case, &world).await;
                // This one case sets overrides by hand in SQL, as an older tool would.
                if case != &"a_person_wins_and_the_models_word_is_kept" {
                    let verified = world.store.verify(|_| {}).await.expect("verify");
                    assert!(verified.ok, "{case}: {verified:?}");
                }
                dumps.push(world.dump().await);
            }
            if let Some(difference) = difference(&dumps[0], &dumps[1]) {
                panic!("{case}: SQLite and MariaDB differ: {difference}");
            }
        }
        eprintln!("conformance: {} cases, tables equal on both stores", CASES.len());
    });
}

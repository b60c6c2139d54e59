//! Bounds on memory: refused before anything is read, and never a silent change of what is done.

use paceline::config::Size;
use paceline::pipeline::Kind;
use paceline::pipeline::memory::{BASE_BYTES, BYTES_A_SEGMENT, BYTES_A_WORKOUT, VERIFY_BYTES, allows_verify};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::run::run;
use paceline::stage::decide::Retrain;
use paceline::vocab::Trigger;

use crate::backfill::{filled, named};
use crate::support::cli::{file, on_both_stores as with_both};
use crate::support::on_both_stores;
use crate::support::world::{NIGHTLY, SAMPLE, pipeline};

#[test]
fn what_may_not_fit_is_refused_with_what_it_would_need_and_nothing_is_read() {
    with_both(|paceline, folder| {
        let nightly = file(folder, "nightly.toml", NIGHTLY);
        paceline.ok(&["migrate", "--yes"]);
        paceline.ok(&["import", &file(folder, "sample.csv", SAMPLE)]);
        // 2,996 workouts at 250 bytes and the base.
        let parts = [
            "load: a run over 2996 workouts may take 129 MB, and max_memory allows 128 MB",
            "nothing was read",
            "paceline backfill",
            "--max-memory",
        ];
        paceline.failed_run(&["run", &nightly, "--max-memory", "128MB"], 78, &parts);
        paceline.failed_run(&["model", "train", &nightly, "--max-memory", "128MB"], 78, &parts);
        paceline.refused(&["plan", &nightly, "--max-memory", "128MB"], 78, &parts);
        // A narrower window is classified, and learnt from all the same.
        let parts = ["a run over 5992 workouts may take 130 MB"];
        let range = ["--from", "2001-01-01", "--to", "2099-01-01"];
        let narrow = [&["plan", &nightly, "--max-memory", "0.129GB"], &range[..]].concat();
        paceline.refused(&narrow, 78, &parts);
        let parts = [
            "a backfill with --concurrency 8 may take 208 MB",
            "smaller --concurrency",
        ];
        let backfill = ["backfill", &nightly, "--max-memory", "190MiB", "--concurrency", "8"];
        paceline.refused(&backfill, 78, &parts);
        paceline.refused(&[&backfill[..], &["--dry-run"]].concat(), 78, &parts);
        let parts = ["the verification of 0 segments may take 192 MB"];
        paceline.refused(&["verify", "--max-memory", "191MB"], 78, &parts);
        paceline.refused(
            &["run", &nightly, "--max-memory", "512"],
            2,
            &["is no amount of memory", "512MB"],
        );

        let bounded = NIGHTLY.replace("# max_memory = \"1GiB\"", "max_memory = \"10MB\"");
        assert_ne!(bounded, NIGHTLY);
        let bounded = file(folder, "bounded.toml", &bounded);
        paceline.failed_run(
            &["run", &bounded],
            78,
            &["max_memory allows 10 MB", "limits.max_memory"],
        );
        let wrong = file(
            folder,
            "wrong.toml",
            "name = 'n'\n[limits]\nmax_memory = '12 elephants'\n",
        );
        paceline.refused(&["validate", &wrong], 78, &["line 3", "is no amount of memory"]);
        // The command line's word counts before the file's; what is allowed is done as ever.
        let done = paceline.json(&["run", &bounded, "--max-memory", "129MB"]);
        assert_eq!(done["changes"]["new"], 2972, "{done}");
        let done = paceline.json(&["backfill", &nightly, "--max-memory", "141MB"]);
        assert_eq!(
            (&done["status"], &done["rows_written"]),
            (&"succeeded".into(), &0.into()),
            "{done}"
        );
        paceline.ok(&["verify", "--max-memory", "193MB"]);
    });
}

#[test]
fn the_bound_is_exact_to_the_byte() {
    on_both_stores(|raw| async {
        let world = filled(raw, 200, 1).await;
        let needed = BASE_BYTES + 200 * BYTES_A_WORKOUT;
        let with = |bytes| Options {
            max_memory: Some(Size::bytes(bytes)),
            ..Options::default()
        };
        let refused = world.try_run(NIGHTLY, &with(needed - 1)).await.expect_err("refused");
        assert_eq!((refused.kind, refused.stage), (Kind::Config, "load"), "{refused}");
        assert_eq!(world.count("workout_ml_classifications").await, 0);
        assert_eq!(world.count("ml_model_registry").await, 0);
        let bounded = world.try_run(NIGHTLY, &with(needed)).await.expect("a run");
        assert_eq!(bounded.rows.read, 200);
        let segments = world.count("audit_segments").await;
        let verify = BASE_BYTES + VERIFY_BYTES + segments * BYTES_A_SEGMENT;
        let check = |bytes: u64| allows_verify(&world.store, Some(Size::bytes(bytes)));
        assert!(check(verify).await.is_ok() && allows_verify(&world.store, None).await.is_ok());
        assert!(check(verify - 1).await.is_err());
    });
}

#[test]
fn a_run_above_the_bound_of_training_learns_from_a_seeded_sample_and_says_so() {
    on_both_stores(|raw| async {
        let world = filled(raw, 1_200, 1).await;
        let mut bounded = pipeline(&named("nightly", 5_000));
        bounded.params.max_training_rows = 300;
        let train = |seed| Options {
            seed: Some(seed),
            retrain: Some(Retrain::Always),
            train_only: true,
            ..Options::default()
        };
        let mut artifacts = Vec::new();
        for seed in [1, 2, 1] {
            world.wait_days(1);
            let report = run(&world.store, &bounded, &train(seed), Trigger::Manual, &world.ambient()).await;
            let model = report.expect("a run").model;
            let id = model.model_id.expect("a model");
            let row = world.store.model(&id).await.expect("the model");
            let notes = row.performance_notes.unwrap_or_default();
            let told = "trained on a sample of 300 of";
            assert!(notes.contains(told) || artifacts.len() == 2, "{notes}");
            artifacts.push(model.artifact_sha256.expect("a hash"));
        }
        assert_ne!(artifacts[0], artifacts[1], "another seed, another sample");
        assert_eq!(artifacts[0], artifacts[2], "the same seed, the same sample");
        // Everything is classified, though not everything was learnt from.
        world.wait_days(1);
        let (options, ambient) = (Options::default(), world.ambient());
        let all = run(&world.store, &bounded, &options, Trigger::Manual, &ambient).await;
        let all = all.expect("a run");
        assert_eq!(all.rows.classified + all.rows.skipped, 1_200);
    });
}

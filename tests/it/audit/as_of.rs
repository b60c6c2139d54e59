//! `state --as-of`: any past instant, rebuilt from the history alone, to the microsecond.

use paceline::pipeline::prepare::Options;
use paceline::time::Timestamp;
use serde_json::json;

use crate::support::cli::{self, file};
use crate::support::on_both_stores;
use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World};

#[test]
fn the_state_of_any_instant_is_rebuilt_from_the_history() {
    on_both_stores(|store| async {
        let world = World::new(store);
        let small: String = SAMPLE.lines().take(200).map(|line| format!("{line}\r\n")).collect();
        world.import(&small).await;
        let query = "SELECT workout_id, current_classification, classification_change_count \
                     FROM workout_ml_classifications ORDER BY workout_id";
        let mut instants = Vec::new();
        for pipeline in [NIGHTLY, CLASSIC, NIGHTLY] {
            let options = Options {
                accept_churn: true,
                ..Options::default()
            };
            world.try_run(pipeline, &options).await.expect("run");
            instants.push((world.now(), world.raw.rows(query).await));
        }
        for (instant, stored) in &instants {
            let rebuilt = world.store.state_as_of(*instant, None).await.expect("replay");
            let rebuilt: Vec<Vec<String>> = rebuilt
                .into_iter()
                .map(|(id, state)| vec![id, state.label, state.change_count.to_string()])
                .collect();
            assert_eq!(&rebuilt, stored, "as of {instant}");
        }
        let before = Timestamp::from_micros(instants[0].0.micros() - 1);
        assert!(world.store.state_as_of(before, None).await.expect("replay").is_empty());
        let one = &instants[2].1[0];
        let state = world
            .store
            .state_as_of(instants[2].0, Some(&one[0]))
            .await
            .expect("replay");
        assert_eq!(state.len(), 1);
        assert_eq!(state[&one[0]].label, one[1]);
    });
}

/// One workout is classified at .500000 of a second and corrected at .500001 of the same.
const FIRST: &str = "2026-01-02T03:04:05.500000Z";
const SECOND: &str = "2026-01-02T03:04:05.500001Z";

#[test]
fn instants_are_exact_to_the_microsecond_and_include_what_happened_at_them() {
    cli::on_both_stores(|paceline, folder| {
        let rows = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace\n\
                    a,2024-01-01,Run,3.1,1674,9.0\nb,2024-01-02,Walk,1.0,1200,20.0\nride,2024-01-02,Bike Ride,9.0,1200,2.0\n";
        let rows = file(folder, "in.csv", rows);
        paceline
            .at(FIRST)
            .ok(&["run", "pipelines/nightly.toml", "--import", &rows]);
        let correct = [
            "feedback", "add", "a", "--type", "correct", "--label", "mixed", "--user", "anna",
        ];
        paceline.at(SECOND).ok(&correct);
        let state = |as_of: &str, id: &str| paceline.json(&["state", "--as-of", as_of, id]);
        let label = |as_of: &str, id: &str| state(as_of, id)[0]["classification"].clone();
        for (as_of, expected) in [
            ("1970-01-01", json!(null)),
            ("2026-01-02T03:04:05Z", json!(null)),
            ("2026-01-02T03:04:05.499999Z", json!(null)),
            (FIRST, json!("real_run")),
            ("2026-01-02 03:04:05.5", json!("real_run")),
            (SECOND, json!("mixed")),
            ("2026-01-03", json!("mixed")),
            ("9999-12-31T23:59:59.999999Z", json!("mixed")),
        ] {
            assert_eq!(label(as_of, "a"), expected, "{as_of}");
        }
        assert_eq!(
            state("2026-01-01", "a"),
            json!([]),
            "a list also where there is nothing"
        );
        assert_eq!(state(SECOND, "ride"), json!([]), "a workout without history");
        assert_eq!(state(SECOND, "nobody"), json!([]));
        let a = &state(SECOND, "a")[0];
        assert_eq!(a["is_user_override"], true);
        assert_eq!(a["classification_change_count"], 1);
        assert_eq!(a["label_model_id"], json!(null));
        assert_eq!(a["testimony"], false);
        let all = paceline.json(&["state", "--as-of", SECOND]);
        let ids: Vec<&str> = all
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|s| s["workout_id"].as_str())
            .collect();
        assert_eq!(ids, ["a", "b"]);
        let page = paceline.ok(&["state", "--as-of", "2026-01-01", "a"]).stdout;
        assert_eq!(page, "Workout a had not been classified by then.\n");
        paceline
            .run(&["state", "--as-of", "yesterday"])
            .expect(2, &["yesterday"]);
        paceline.run(&["state"]).expect(2, &["--as-of"]);
    });
}

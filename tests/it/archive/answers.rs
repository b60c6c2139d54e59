//! Who has the files gets the answers of before; who has not is told which one is missing.

use paceline::store::StoreError;
use paceline::store::segments::ProveError;

use super::Years;
use crate::support::on_both_stores;

#[test]
fn past_states_histories_and_proofs_are_those_of_before() {
    on_both_stores(|store| async {
        let years = Years::new(store).await;
        let (store, files) = (&years.world.store, years.files());
        let ids = &years.ids;
        let mut states = Vec::new();
        for at in &years.instants {
            for workout in [None, Some(ids[3].as_str())] {
                let state = store.state_as_of(*at, workout).await.expect("a state");
                assert!(!state.is_empty());
                states.push((*at, workout, state));
            }
        }
        let mut said = Vec::new();
        for id in ids {
            let history = store.history(id).await.expect("a history");
            let proved = store.prove(id, None, None).await.expect("proofs");
            assert_eq!(history.len(), proved.rows.len());
            said.push((id, history, proved));
        }
        let report = years.archive().await;

        for (at, workout, state) in &states {
            let found = store.state_as_of_with(*at, *workout, Some(files.as_ref())).await;
            assert_eq!(&found.expect("a state"), state, "{workout:?} as of {at} with the files");
            match store.state_as_of(*at, *workout).await {
                Ok(found) => assert_eq!(&found, state, "{workout:?} as of {at} without them"),
                Err(StoreError::Archived { file, .. }) => {
                    assert!(
                        *at < years.middle && report.files.iter().any(|f| f.file == file),
                        "{at}: {file}"
                    );
                }
                Err(error) => panic!("{error}"),
            }
        }
        // From the newest archived row on nobody needs the files.
        let after = states.iter().filter(|(at, ..)| *at >= years.instants[2]);
        for (at, workout, state) in after {
            assert_eq!(
                &store.state_as_of(*at, *workout).await.expect("no file is needed"),
                state
            );
        }

        for (id, history, proved) in &said {
            let whole = store.whole_history(id, Some(files.as_ref())).await.expect("a history");
            assert_eq!((&whole.entries, whole.missing.len()), (history, 0), "{id}");
            let again = store.prove(id, None, Some(files.as_ref())).await.expect("proofs");
            assert_eq!(again.rows, proved.rows, "{id}: row for row, hash for hash");
            let one = history[0].history_id;
            let first = store.prove(id, Some(one), Some(files.as_ref())).await.expect("a proof");
            assert_eq!(first.rows, proved.rows[..1]);

            let part = store.whole_history(id, None).await.expect("what is in the table");
            assert!(
                part.entries.len() < history.len() && !part.missing.is_empty(),
                "{id}: {part:?}"
            );
            assert!(part.missing[0].contains(&format!("history of workout {id} is archived in paceline-")));
            let error = store.prove(id, Some(one), None).await.expect_err("its file is needed");
            assert!(
                matches!(error, ProveError::Store(StoreError::Archived { .. })),
                "{error}"
            );
        }
    });
}

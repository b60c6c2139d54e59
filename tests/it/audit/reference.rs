//! What `verify` finds, found again in the plainest way: everything in memory, one fold over all rows in the
//! order of sealing. The store's own way (partitions, in any order, on the disk or not) must find the same.
//!
//! Which rows of a broken segment were changed is not looked for here: that is asked segment by segment.

use std::collections::{BTreeMap, BTreeSet};

use paceline::audit::chain::{self, Link};
use paceline::audit::encoding::{ENCODING_VERSION, HistoryRow};
use paceline::audit::merkle::Merkle;
use paceline::audit::replay::{Entry, Folded, Replay, State, compare};
use paceline::db::error::DbError;
use paceline::db::value::{Params, Row};
use paceline::store::findings::{Finding, MAX_OF_KIND};
use paceline::store::verify::Verification;

use crate::support::sql;
use crate::support::world::World;

/// Kind, segment, workout, sentence.
pub type Told = (String, Option<i64>, Option<String>, String);

/// Findings and notes, bounded as `verify` bounds them, and how many there were.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub findings: Vec<Told>,
    pub found: u64,
    pub notes: Vec<Told>,
    pub noted: u64,
}

/// What names rows of broken segments.
const OF_ROWS: [&str; 4] = ["edited", "deleted", "inserted", "moved"];

struct Sealed {
    history_id: i64,
    row: HistoryRow,
    place: Option<i64>,
}

fn row_of(row: &Row<'_>) -> Result<Sealed, DbError> {
    Ok(Sealed {
        history_id: row.int(0)?,
        row: HistoryRow {
            workout_id: row.text(1)?.to_owned(),
            previous_classification: row.opt_string(2)?,
            new_classification: row.text(3)?.to_owned(),
            classification_source: row.text(4)?.to_owned(),
            classification_confidence: row.opt_real(5)?,
            classification_method: row.opt_string(6)?,
            model_id: row.opt_string(7)?,
            model_version: row.opt_string(8)?,
            changed_by: row.text(9)?.to_owned(),
            changed_at: row.instant(10)?,
            reason: row.opt_string(11)?,
            features_used: row.opt_string(12)?,
            metadata: row.opt_string(13)?,
            run_id: row.opt_string(14)?,
            segment_id: row.opt_int(15)?,
        },
        place: row.opt_int(16)?,
    })
}

/// The history in the order of sealing, which the server makes.
async fn history(world: &World) -> Vec<Sealed> {
    let text = include_str!("../../../sql/query/sealed_history.sql");
    let mut rows = Vec::new();
    let each = |row: &Row<'_>| {
        rows.push(row_of(row)?);
        Ok(())
    };
    world
        .raw
        .db
        .query(sql(text), &Params::none().with("first", i64::MIN), each)
        .await
        .expect("history");
    rows
}

async fn states(world: &World) -> BTreeMap<String, State> {
    let text = "SELECT workout_id, current_classification, is_user_override, classification_change_count, \
                label_model_id, run_id FROM workout_ml_classifications ORDER BY workout_id";
    let mut states = BTreeMap::new();
    let each = |row: &Row<'_>| {
        let state = State {
            label: row.text(1)?.to_owned(),
            is_override: row.flag(2)?,
            change_count: row.int(3)?,
            model_id: row.opt_string(4)?,
            run_id: row.opt_string(5)?,
            testimony: false,
        };
        states.insert(row.text(0)?.to_owned(), state);
        Ok(())
    };
    world
        .raw
        .db
        .query(sql(text), &Params::none(), each)
        .await
        .expect("states");
    states
}

/// The chain and the trees of its segments.
async fn segments(world: &World, rows: &[Sealed], findings: &mut Vec<Told>) {
    let mut trees: BTreeMap<i64, Merkle> = BTreeMap::new();
    for sealed in rows {
        if let Some(place) = sealed.place {
            let leaf = sealed.row.borrowed().leaf_hash(&mut Vec::new());
            trees.entry(place).or_default().push(leaf);
        }
    }
    let segments = world.store.segments().await.expect("segments");
    let mut link = Link::genesis();
    for segment in &segments {
        let tree = trees.get(&segment.segment_id).cloned().unwrap_or_default();
        let rows = match segment.encoding_version {
            ENCODING_VERSION => chain::check_rows(segment, &tree),
            _ => Ok(()),
        };
        for error in [chain::check_link(&link, segment).err(), rows.err()]
            .into_iter()
            .flatten()
        {
            findings.push((
                error.kind().to_owned(),
                Some(error.segment_id()),
                None,
                error.to_string(),
            ));
        }
        link = segment.link();
    }
    let known: BTreeSet<i64> = segments.iter().map(|s| s.segment_id).collect();
    let gap = |id: i64, detail: String| ("gap".to_owned(), Some(id), None, detail);
    for (id, tree) in trees.iter().filter(|(id, _)| !known.contains(id)) {
        let rows = tree.len();
        findings.push(gap(
            *id,
            format!("{rows} history rows name segment {id}, which is not in the chain"),
        ));
    }
    let text = "SELECT segment_id FROM audit_leaves UNION SELECT segment_id FROM audit_adopted ORDER BY 1";
    for row in world.raw.rows(text).await {
        let id: i64 = row[0].parse().expect("a number");
        if !known.contains(&id) && !trees.contains_key(&id) {
            let what = "the list of its leaves is there, and neither segment";
            findings.push(gap(id, format!("{what} {id} nor its rows are: it was cut")));
        }
    }
}

#[derive(Default)]
struct Folding {
    replay: Replay,
    joins: BTreeMap<String, (Told, u64)>,
    unsealed: BTreeMap<String, (i64, u64)>,
    adopted: BTreeMap<i64, u64>,
    notes: Vec<Told>,
}

impl Folding {
    fn push(&mut self, sealed: &Sealed) {
        let row = &sealed.row;
        let workout = row.workout_id.clone();
        let own = row.segment_id.is_some();
        match sealed.place {
            None => self.unsealed.entry(workout.clone()).or_insert((sealed.history_id, 0)).1 += 1,
            Some(id) if !own => *self.adopted.entry(id).or_default() += 1,
            Some(_) => {}
        }
        let told = |kind: &str, detail: String| (kind.to_owned(), sealed.place, Some(workout.clone()), detail);
        let entry = Entry {
            workout_id: &row.workout_id,
            previous: row.previous_classification.as_deref(),
            new: &row.new_classification,
            source: &row.classification_source,
            model_id: row.model_id.as_deref(),
            run_id: row.run_id.as_deref(),
            metadata: row.metadata.as_deref(),
            testimony: !own,
        };
        match self.replay.push(&entry) {
            Ok(Folded::Continued | Folded::Testimony(None)) => {}
            Ok(Folded::Testimony(Some(label))) => {
                let new = &row.new_classification;
                let detail = format!("a person's label '{label}' was overwritten by others with '{new}'");
                self.notes.push(told("adopted_override", detail));
            }
            Ok(Folded::Found(differs)) => {
                if let Some(((_, segment, workout, detail), _)) = self.joins.remove(&workout) {
                    self.notes.push(("adopted_joins".to_owned(), segment, workout, detail));
                }
                if let Some((kind, detail)) = differs {
                    self.notes.push(told(&format!("adopted_{kind}"), detail));
                }
            }
            Err(disjoint) => {
                let first = told("joins", format!("history row {}: {disjoint}", sealed.history_id));
                self.joins.entry(workout.clone()).or_insert((first, 0)).1 += 1;
            }
        }
    }
}

fn bounded(all: Vec<Told>) -> Vec<Told> {
    let mut of_kind: BTreeMap<String, u64> = BTreeMap::new();
    let first = |told: &Told| {
        let many = of_kind.entry(told.0.clone()).or_default();
        *many += 1;
        *many <= MAX_OF_KIND
    };
    all.into_iter().filter(first).collect()
}

/// What a store's verification must say, but for [`OF_ROWS`].
pub async fn expected(world: &World) -> Expected {
    let (rows, stored) = (history(world).await, states(world).await);
    let mut findings = Vec::new();
    segments(world, &rows, &mut findings).await;
    let mut folding = Folding::default();
    rows.iter().for_each(|sealed| folding.push(sealed));
    let Folding {
        replay,
        joins,
        unsealed,
        adopted,
        notes: of_fold,
    } = folding;
    let folded = replay.into_states();
    for (workout, (first, rows)) in &unsealed {
        let mut detail = match rows {
            1 => format!("history row {first} was written by others and is sealed by no segment"),
            _ => format!("{rows} history rows from {first} on were written by others and are sealed by no segment"),
        };
        if let Some((_, differs)) = compare(stored.get(workout), folded.get(workout)) {
            detail = format!("{detail}; {differs}");
        }
        findings.push(("unsealed".to_owned(), None, Some(workout.clone()), detail));
    }
    for ((kind, segment, workout, detail), rows) in joins.into_values() {
        let detail = match rows {
            1 => detail,
            _ => format!("{detail}; {} more rows after it do not follow either", rows - 1),
        };
        findings.push((kind, segment, workout, detail));
    }
    let workouts: BTreeSet<&String> = stored.keys().chain(folded.keys()).collect();
    for workout in workouts.into_iter().filter(|w| !unsealed.contains_key(*w)) {
        if let Some((kind, detail)) = compare(stored.get(workout), folded.get(workout)) {
            findings.push((kind.to_owned(), None, Some(workout.clone()), detail));
        }
    }
    let of_segment = |(id, rows): (i64, u64)| {
        let detail = format!("{rows} rows that others wrote were adopted as they were found");
        ("adopted_rows".to_owned(), Some(id), None, detail)
    };
    let mut notes: Vec<Told> = adopted.into_iter().map(of_segment).collect();
    notes.extend(of_fold);
    Expected {
        found: findings.len() as u64,
        findings: bounded(findings),
        noted: notes.len() as u64,
        notes: bounded(notes),
    }
}

/// Panics where a verification does not say what it must.
#[track_caller]
pub fn assert_expected(verified: &Verification, expected: &Expected, about: &str) {
    let told = |findings: &[Finding]| -> Vec<Told> {
        let told = findings.iter().filter(|f| !OF_ROWS.contains(&f.kind));
        told.map(|f| (f.kind.to_owned(), f.segment_id, f.workout_id.clone(), f.detail.clone()))
            .collect()
    };
    assert_eq!(told(&verified.findings), expected.findings, "{about}");
    assert_eq!(told(&verified.notes), expected.notes, "{about}");
    assert_eq!(verified.noted, expected.noted, "{about}");
    let of_rows = OF_ROWS.map(|kind| verified.findings.iter().filter(|f| f.kind == kind).count() as u64);
    // Where more rows are named than are listed, how many is not known here.
    if of_rows.iter().all(|many| *many < MAX_OF_KIND) {
        assert_eq!(verified.found, expected.found + of_rows.iter().sum::<u64>(), "{about}");
    }
}

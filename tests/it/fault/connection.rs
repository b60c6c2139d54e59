//! The connection to a server, cut at each COMMIT and at other packets, on both sides of it: what the client
//! sent may have arrived or not, and it cannot know.

use paceline::db::statement::Dialect;
use paceline::store::Store;

use super::acts::Act;
use super::lab::{Lab, ambient};
use super::matrix::{is_full, tried};
use super::trial::Clean;
use crate::support::wire::{COMMIT, Cut, Side, Wire};
use crate::support::{TestStore, block_on, mariadb};

/// One cut; false where the act is over before it.
async fn survives(lab: &mut Lab, act: Act, clean: &Clean, cut: Cut) -> bool {
    let what = format!(
        "{act:?}, cut {:?} packet {} of {:?}",
        cut.side,
        cut.nth,
        cut.text.escape_ascii().to_string()
    );
    let store = lab.store().await;
    let wire = Wire::new(mariadb::server().port);
    let by_wire = TestStore::on_server(wire.url(&store.url)).await;
    wire.cut(cut);
    let result = act.perform(&Store::new(by_wire.db.clone()), &ambient(0)).await;
    let has_struck = !wire.mend();
    clean.assert_got_over(store, result, &what).await;
    has_struck
}

fn cut_all(acts: &[Act], text: &'static [u8], fault: &str, first: usize, step: usize) {
    block_on(async {
        for &act in acts {
            let mut lab = Lab::new(act, Dialect::MySql).await;
            let clean = Clean::of(act, lab.store().await).await;
            let mut points = 0;
            for side in [Side::Before, Side::After] {
                for nth in (first..).step_by(step) {
                    if !survives(&mut lab, act, &clean, Cut { text, nth, side }).await {
                        break;
                    }
                    points += 1;
                }
            }
            assert!(points > 0, "{act:?}: the wire never broke");
            tried("MariaDB", act.name(), fault, points);
        }
    });
}

#[test]
fn the_connection_may_be_cut_at_any_commit() {
    cut_all(&Act::ALL, COMMIT, "connection cut at COMMIT, by a proxy", 0, 1);
}

#[test]
fn the_connection_may_be_cut_at_any_packet() {
    let acts = [
        Act::FirstNight,
        Act::RetrainNight,
        Act::Import,
        Act::Clear,
        Act::Rollback,
    ];
    // The first packets are the login and the session's settings, which the pool sees to.
    let (first, step) = if is_full() { (0, 1) } else { (3, 13) };
    cut_all(&acts, b"", "connection cut at a packet, by a proxy", first, step);
}

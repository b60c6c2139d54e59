use proptest::prelude::*;

use super::*;

#[test]
fn an_emptied_cluster_is_put_on_the_farthest_row() {
    let points = Points::from_rows(&[0.0, 0.1, 5.0, 5.1, 9.0].map(|x| [x, 0.0, 0.0]));
    let start = vec![[0.0; 3], [5.0, 0.0, 0.0], [1e6, 0.0, 0.0]];
    let end = lloyd(start, &points);
    assert!(end.converged);
    let mut x: Vec<f64> = end.centroids.iter().map(|c| c[0]).collect();
    x.sort_by(f64::total_cmp);
    for (found, expected) in x.iter().zip([0.05, 5.05, 9.0]) {
        assert!((found - expected).abs() < 1e-12, "{x:?}");
    }
}

#[test]
fn fewer_different_rows_than_centroids_come_to_an_end() {
    let points = Points::from_rows(&[[1.0, 0.0, 0.0]; 5]);
    let end = lloyd(vec![[0.0; 3], [5.0, 0.0, 0.0], [9.0, 0.0, 0.0]], &points);
    assert!(end.converged && end.iterations < 5);
    assert_eq!((end.centroids[0][0], end.inertia), (1.0, 0.0));
}

/// The plain iterations, as any textbook has them.
fn plain(mut centroids: Vec<Point>, points: &Points) -> (Vec<Point>, usize) {
    let mut nearest = vec![NONE; points.len()];
    for iteration in 1..=MAX_ITERATIONS {
        let pass = assign(&centroids, points, &mut nearest, None);
        pass.totals.means(&mut centroids);
        if pass.changed == 0 {
            return (centroids, iteration);
        }
    }
    panic!("no end");
}

/// Points around three centres that overlap; the more `spread`, the more of them lie on a border.
fn cloud(n: usize, spread: f64, seed: u64) -> Points {
    let mut state = seed;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let rows: Vec<Point> = (0..n)
        .map(|i| {
            let centre = [0.0, 1.0, 2.5][i % 3];
            std::array::from_fn(|_| centre + spread * (draw() + draw() - 1.0))
        })
        .collect();
    Points::from_rows(&rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_border_gives_what_all_points_give(n in 3_usize..10_000, spread in 0.1..3.0, seed in any::<u64>(), k in 2_usize..6) {
        let points = cloud(n, spread, seed);
        let start: Vec<Point> = (0..k).map(|i| points.at(i * n / k)).collect();
        let mut nearest = vec![NONE; n];
        let alone = assign(&start, &points, &mut nearest, None).totals.empty();
        prop_assume!(alone.is_none());
        let end = lloyd(start.clone(), &points);
        let (centroids, iterations) = plain(start, &points);
        prop_assert_eq!(&end.centroids, &centroids);
        prop_assert_eq!(end.iterations, iterations);
        prop_assert!(end.converged);
    }
}

#[test]
fn a_border_is_drawn_and_most_steps_ask_only_it() {
    let points = cloud(50_000, 3.0, 7);
    let mut descent = Descent::from((0..6).map(|i| points.at(i)).collect(), &points);
    let (mut on_border, mut full) = (0, 0);
    loop {
        let changed = match descent.border_step() {
            Some(changed) if changed > 0 => {
                on_border += 1;
                changed
            }
            _ => {
                full += 1;
                descent.full_step()
            }
        };
        if !descent.go_on() && changed == 0 {
            break;
        }
    }
    assert!(
        on_border > full,
        "{on_border} steps on the border, {full} on all points"
    );
}

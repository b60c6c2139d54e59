//! The classic k-means training alone: `bench_kmeans FILE [RESTARTS]`.
//!
//! FILE holds little-endian `f64` triples: pace in min/mi, miles, minutes. The training scales them itself. It
//! prints the wall time of the whole training stage (scaling, restarts, Lloyd steps, statistics, silhouette), the
//! artifact with scales and centroids, and the inertia that the training states, as one JSON object.
//!
//! Why: scikit-learn's `KMeans.fit` on the same rows is its yardstick; see `benches/reference/kmeans_fit.py`.

use std::io::Write;
use std::time::Instant;

use paceline::stage::features::{Activities, featurize};
use paceline::stage::feedback::Feedback;
use paceline::stage::frame::{Frame, Workouts};
use paceline::stage::params::Params;
use paceline::stage::train::train;
use paceline::vocab::Algorithm;
use polars::prelude::*;

type Failure = Box<dyn std::error::Error>;

/// The rows as workouts: the only frame that can be made from outside.
fn workouts(bytes: &[u8]) -> Result<Frame<Workouts>, Failure> {
    let (words, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() || words.len() % 3 != 0 {
        return Err(format!("{} bytes are no triples of f64", bytes.len()).into());
    }
    let rows = words.len() / 3;
    let column = |at: usize, scale: f64| -> Vec<f64> {
        let own = words.iter().skip(at).step_by(3);
        own.map(|word| f64::from_le_bytes(*word) * scale).collect()
    };
    let dates = Int64Chunked::from_vec("workout_date".into(), vec![0; rows]);
    let ids = (0..rows).map(|n| format!("{n:09}"));
    let columns = vec![
        Column::new("workout_id".into(), ids.collect::<Vec<_>>()),
        dates.into_datetime(TimeUnit::Microseconds, None).into_column(),
        Column::new("activity_type".into(), vec!["Run"; rows]),
        Column::new("avg_pace".into(), column(0, 1.0)),
        Column::new("distance_mi".into(), column(1, 1.0)),
        Column::new("duration_sec".into(), column(2, 60.0)),
    ];
    Ok(Frame::parse(DataFrame::new(rows, columns)?)?)
}

fn main() -> Result<(), Failure> {
    let mut given = std::env::args().skip(1);
    let file = given.next().ok_or("usage: bench_kmeans FILE [RESTARTS]")?;
    let restarts = given.next().map_or(Ok(10), |text| text.parse())?;
    let features = featurize(&workouts(&std::fs::read(&file)?)?, &Activities::All)?.features;
    let params = Params {
        algorithm: Algorithm::Kmeans,
        restarts,
        mixed_band: 0.0,
        outlier_share: 0.0,
        ..Params::default()
    };
    let begun = Instant::now();
    let trained = train(&features, &Feedback::none(), &params, 42)?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut out = std::io::stdout();
    writeln!(
        out,
        r#"{{"rows":{},"fit_s":{seconds},"inertia":{},"artifact":{}}}"#,
        trained.stats.rows,
        trained.stats.inertia,
        trained.model.to_canonical_json()
    )?;
    Ok(())
}

//! A database as the older tool leaves it after years: made here, from a description, with a seed.
//!
//! Four audit tables with INT keys, TIMESTAMP columns, ON DELETE CASCADE to the workouts and ON DELETE SET NULL
//! to the models, in utf8mb4_unicode_ci; a `workout_summary` with FLOAT columns in the server's character
//! set. History rows repeat with every run and never say what was before; every run raises the change
//! count; two models say that they are in production; a batch has written over what people said.

use crate::support::TestStore;

/// The models, oldest first; the last two are both active.
pub const MODELS: [&str; 3] = ["run_classifier_2022", "run_classifier_2023", "run_classifier_2024"];

/// The tables that are upgraded.
pub const TABLES: [&str; 4] = [
    "ml_model_registry",
    "workout_classification_history",
    "workout_ml_classifications",
    "user_classification_feedback",
];

/// What differs from case to case.
#[derive(Debug, Clone, Copy)]
pub struct Older {
    /// Of `workout_summary`, such as `latin1_swedish_ci`.
    pub collation: &'static str,
    /// History rows.
    pub history: usize,
    /// History rows of one run: one for each workout.
    pub workouts: usize,
    /// Without foreign keys to the workouts, whose ids are then in the tables' own collation.
    pub loose: bool,
}

/// Years of it.
pub const YEARS: Older = Older {
    collation: "latin1_swedish_ci",
    history: 5_000,
    workouts: 600,
    loose: false,
};

/// The same, small.
pub const SMALL: Older = Older {
    collation: "utf8mb4_general_ci",
    history: 260,
    workouts: 30,
    loose: false,
};

/// Workouts whose person's label a batch wrote over, by number, with the person and the label.
pub const OVERWRITTEN: [(usize, &str, &str); 2] = [(3, "anna", "pup_walk"), (8, "Zoë", "real_run")];
/// A workout whose person's label stands.
pub const STANDING: usize = 5;

/// How a table refers to the workouts.
const TO_WORKOUTS: &str = "FOREIGN KEY (workout_id) REFERENCES workout_summary(workout_id) ON DELETE CASCADE";

/// Seconds since 1970 of the first run; one a month.
const FIRST_RUN: i64 = 1_650_000_123;
const MONTH: i64 = 30 * 86_400 + 3_607;

/// Rows of an INSERT.
const BATCH: usize = 500;

/// A generator that gives the same numbers on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// The id of a workout; one in fifty holds letters that not every character set has in the same place.
pub fn id(number: usize) -> String {
    match number % 50 {
        7 => format!("Zürich-é{number}"),
        _ => format!("{}", 649_714_363_550 + number as u64 * 17),
    }
}

impl Older {
    /// Makes it in an empty database.
    pub async fn build(self, store: &TestStore) {
        let charset = self.collation.split('_').next().expect("a character set");
        let end = format!("DEFAULT CHARACTER SET {charset} COLLATE {}", self.collation);
        store.run(&WORKOUTS.replace("{end}", &end)).await;
        for table in [REGISTRY, HISTORY, CURRENT, FEEDBACK] {
            let own = format!("CHARACTER SET {charset} COLLATE {}", self.collation);
            let table = match self.loose {
                true => table
                    .replace("{parent}", "")
                    .replace(TO_WORKOUTS, "CHECK (workout_id <> '')"),
                false => table.replace("{parent}", &own),
            };
            store.run(&table).await;
        }
        self.insert(store, WORKOUT_COLUMNS, &self.workout_rows()).await;
        for row in model_rows() {
            self.insert(store, MODEL_COLUMNS, &[row]).await;
        }
        self.insert(store, HISTORY_COLUMNS, &self.history_rows()).await;
        self.insert(store, CURRENT_COLUMNS, &self.current_rows()).await;
        self.insert(store, FEEDBACK_COLUMNS, &self.feedback_rows()).await;
    }

    async fn insert(self, store: &TestStore, into: &str, rows: &[String]) {
        for batch in rows.chunks(BATCH) {
            store
                .run(&format!("INSERT INTO {into} VALUES {}", batch.join(", ")))
                .await;
        }
    }

    /// Runs at 9 and walks at 19 minutes a mile in turn, some without a pace or a date of their own.
    fn workout_rows(self) -> Vec<String> {
        let mut seeded = Seeded(1);
        let row = |number: usize| {
            let base = if number.is_multiple_of(2) { 9.0 } else { 19.0 };
            let pace = base + seeded.next(200) as f64 / 100.0;
            let distance = 1.0 + seeded.next(700) as f64 / 100.0;
            let (day, month) = (1 + number % 28, 1 + number % 12);
            let pace_cell = if number % 41 == 40 {
                "NULL".to_owned()
            } else {
                format!("{pace}")
            };
            format!(
                "('{}', '20{:02}-{month:02}-{day:02} 07:30:00', 'Run', 320, {distance}, {}, {pace_cell}, NULL, NULL, NULL)",
                id(number),
                12 + number % 12,
                pace * distance * 60.0
            )
        };
        (0..self.workouts).map(row).collect()
    }

    /// Runs in turn, all workouts in each, until there are enough rows; people in between.
    fn history_rows(self) -> Vec<String> {
        let mut seeded = Seeded(2);
        let mut rows = Vec::new();
        let mut run = 0i64;
        while rows.len() < self.history {
            let at = FIRST_RUN + run * MONTH;
            let model = MODELS[(run as usize).min(MODELS.len() - 1)];
            for number in 0..self.workouts {
                let label = label(number, run, &mut seeded);
                let confidence = match number % 23 {
                    11 => "NULL".to_owned(),
                    _ => format!("0.{:03}", 500 + seeded.next(500)),
                };
                rows.push(format!(
                    "('{}', '{label}', 'ml_batch_update', {confidence}, 'kmeans', '{model}', '1.0.0', 'classifier.py', \
                     FROM_UNIXTIME({}), NULL, '{{\"pace\": {}.5, \"note\": \"🏃 Läufer\"}}', NULL)",
                    id(number),
                    at + number as i64,
                    9 + number % 11
                ));
            }
            if run == 1 {
                rows.extend(people(at + 86_400));
            }
            run += 1;
        }
        rows.truncate(self.history);
        rows
    }

    fn runs(self) -> usize {
        self.history.div_ceil(self.workouts)
    }

    fn current_rows(self) -> Vec<String> {
        let at = FIRST_RUN + self.runs() as i64 * MONTH;
        let mut seeded = Seeded(3);
        let row = |number: usize| {
            let (label, is_override, original) = match number {
                STANDING => ("pup_walk", 1, "'real_run'"),
                3 => ("real_run", 0, "NULL"),
                8 => ("mixed", 0, "NULL"),
                _ => (label(number, 9, &mut seeded), 0, "NULL"),
            };
            format!(
                "('{}', '{label}', 'ml_batch_update', 0.75, 'kmeans', '{}', '1.0.0', {is_override}, {original}, NULL, \
                 FROM_UNIXTIME({FIRST_RUN}), FROM_UNIXTIME({}), {}, '{{\"avg_pace\": 9.5}}', NULL)",
                id(number),
                MODELS[2],
                at + number as i64,
                self.runs()
            )
        };
        (0..self.workouts).map(row).collect()
    }

    fn feedback_rows(self) -> Vec<String> {
        let row = |number: usize| {
            let certainty = if number % 5 == 4 {
                "NULL".to_owned()
            } else {
                format!("{}", 1 + number % 5)
            };
            let user = if number % 7 == 6 {
                "NULL".to_owned()
            } else {
                format!("'user {}'", number % 3)
            };
            let label = if number.is_multiple_of(2) {
                "real_run"
            } else {
                "pup_walk"
            };
            format!(
                "('{}', 'real_run', 0.6125, '{label}', 'correct', {certainty}, 'gömüş 🐕', '{}', 'kmeans', {user}, \
                 FROM_UNIXTIME({}), '10.0.0.{number}', {}, NULL, NULL)",
                id(number),
                MODELS[1],
                FIRST_RUN + number as i64 * 977,
                number % 2
            )
        };
        (0..self.workouts / 10).map(row).collect()
    }
}

/// What the older tool says of a workout: not always the same, and `unknown` before it had a model.
fn label(number: usize, run: i64, seeded: &mut Seeded) -> &'static str {
    if run == 0 && number.is_multiple_of(6) {
        return "unknown";
    }
    match (number % 2, seeded.next(12)) {
        (_, 0) => "mixed",
        (0, _) => "real_run",
        _ => "pup_walk",
    }
}

fn people(at: i64) -> Vec<String> {
    let standing = (STANDING, "anna", "pup_walk");
    let mut rows: Vec<String> = Vec::new();
    for (number, person, label) in OVERWRITTEN.into_iter().chain([standing]) {
        let said = |source: &str, label: &str, at: i64| {
            format!(
                "('{}', '{label}', '{source}', 1, 'manual', NULL, NULL, '{person}', FROM_UNIXTIME({at}), \
                 'it was the dog 🐕', NULL, NULL)",
                id(number)
            )
        };
        // Somebody changed his mind: the later word counts.
        rows.push(said("user_override", "mixed", at));
        let source = if number == 8 {
            "admin_correction"
        } else {
            "user_override"
        };
        rows.push(said(source, label, at + 60));
    }
    rows
}

fn model_rows() -> Vec<String> {
    let row = |(number, id): (usize, &&str)| {
        let (status, production) = if number == 0 { ("archived", 0) } else { ("active", 1) };
        let parent = if number == 0 {
            "NULL".to_owned()
        } else {
            format!("'{}'", MODELS[number - 1])
        };
        let at = FIRST_RUN + number as i64 * 365 * 86_400;
        format!(
            "('{id}', 'run classifier', '1.0.0', '{status}', {production}, FROM_UNIXTIME({at}), FROM_UNIXTIME({at}), NULL, \
             12.3, 580, '2012-01-02', '2023-12-28', '[\"avg_pace\", \"distance_mi\"]', 0.6125, 1234.5, \
             '{{\"0\": 310, \"1\": 270}}', NULL, 3, 'kmeans', '{{}}', '{{\"0\": \"real_run\", \"1\": \"pup_walk\", \
             \"2\": \"mixed\"}}', NULL, '/opt/models/model.pkl', '/opt/models/model.json', {parent}, 'Zoë', \
             FROM_UNIXTIME({at}), FROM_UNIXTIME({}), 'ünïcode ✓', NULL)",
            at + 3_600
        )
    };
    MODELS.iter().enumerate().map(row).collect()
}

const WORKOUTS: &str = "CREATE TABLE workout_summary (workout_id VARCHAR(20) NOT NULL PRIMARY KEY, workout_date DATETIME, \
    activity_type VARCHAR(50), kcal_burned BIGINT, distance_mi FLOAT, duration_sec FLOAT, avg_pace FLOAT, max_pace FLOAT, \
    steps BIGINT, link VARCHAR(100)) ENGINE = InnoDB {end}";
const WORKOUT_COLUMNS: &str = "workout_summary";

const REGISTRY: &str = "CREATE TABLE ml_model_registry (registry_id INT AUTO_INCREMENT PRIMARY KEY, \
    model_id VARCHAR(100) NOT NULL UNIQUE, model_name VARCHAR(200) NOT NULL, model_version VARCHAR(50) NOT NULL, \
    status ENUM('training', 'active', 'archived', 'deprecated') DEFAULT 'training', is_production BOOLEAN DEFAULT FALSE, \
    trained_at TIMESTAMP NULL, activated_at TIMESTAMP NULL, archived_at TIMESTAMP NULL, training_duration_sec FLOAT, \
    training_workouts_count INT, training_date_start DATE, training_date_end DATE, training_features JSON, \
    silhouette_score DECIMAL(6,4), inertia FLOAT, cluster_distribution JSON, confidence_stats JSON, n_clusters INT, \
    algorithm_type VARCHAR(50), hyperparameters JSON, cluster_to_activity_map JSON, activity_type_stats JSON, \
    model_file_path VARCHAR(500), metadata_file_path VARCHAR(500), parent_model_id VARCHAR(100), \
    created_by VARCHAR(100) DEFAULT 'system', created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, \
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, training_notes TEXT, \
    performance_notes TEXT, \
    FOREIGN KEY (parent_model_id) REFERENCES ml_model_registry(model_id) ON DELETE SET NULL) \
    ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci";
const MODEL_COLUMNS: &str = "ml_model_registry (model_id, model_name, model_version, status, is_production, trained_at, \
    activated_at, archived_at, training_duration_sec, training_workouts_count, training_date_start, training_date_end, \
    training_features, silhouette_score, inertia, cluster_distribution, confidence_stats, n_clusters, algorithm_type, \
    hyperparameters, cluster_to_activity_map, activity_type_stats, model_file_path, metadata_file_path, \
    parent_model_id, created_by, created_at, updated_at, training_notes, performance_notes)";

// The first TIMESTAMP of a table was once given ON UPDATE unasked; here it is written out.
const HISTORY: &str = "CREATE TABLE workout_classification_history (history_id INT AUTO_INCREMENT PRIMARY KEY, \
    workout_id VARCHAR(20) {parent} NOT NULL, previous_classification VARCHAR(50), new_classification VARCHAR(50) NOT NULL, \
    classification_source ENUM('csv_import', 'ml_prediction', 'ml_batch_update', 'user_override', 'admin_correction') \
    NOT NULL, classification_confidence FLOAT, classification_method VARCHAR(50), model_id VARCHAR(100), \
    model_version VARCHAR(20), changed_by VARCHAR(100) DEFAULT 'system', \
    changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, reason TEXT, \
    features_used JSON, metadata JSON, INDEX idx_workout (workout_id), INDEX idx_changed (changed_at), \
    FOREIGN KEY (workout_id) REFERENCES workout_summary(workout_id) ON DELETE CASCADE, \
    FOREIGN KEY (model_id) REFERENCES ml_model_registry(model_id) ON DELETE SET NULL) \
    ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci";
const HISTORY_COLUMNS: &str = "workout_classification_history (workout_id, new_classification, classification_source, \
    classification_confidence, classification_method, model_id, model_version, changed_by, changed_at, reason, \
    features_used, metadata)";

const CURRENT: &str = "CREATE TABLE workout_ml_classifications (classification_id INT AUTO_INCREMENT PRIMARY KEY, \
    workout_id VARCHAR(20) {parent} NOT NULL UNIQUE, current_classification VARCHAR(50) NOT NULL, \
    classification_source ENUM('csv_import', 'ml_prediction', 'ml_batch_update', 'user_override', 'admin_correction') \
    NOT NULL, classification_confidence FLOAT, classification_method VARCHAR(50), model_id VARCHAR(100), \
    model_version VARCHAR(20), is_user_override BOOLEAN DEFAULT FALSE, original_ml_classification VARCHAR(50), \
    override_reason TEXT, classified_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, \
    last_updated TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, \
    classification_change_count INT DEFAULT 0, features_snapshot JSON, metadata JSON, \
    INDEX idx_current (current_classification), \
    FOREIGN KEY (workout_id) REFERENCES workout_summary(workout_id) ON DELETE CASCADE, \
    FOREIGN KEY (model_id) REFERENCES ml_model_registry(model_id) ON DELETE SET NULL) \
    ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci";
const CURRENT_COLUMNS: &str = "workout_ml_classifications (workout_id, current_classification, classification_source, \
    classification_confidence, classification_method, model_id, model_version, is_user_override, \
    original_ml_classification, override_reason, classified_at, last_updated, classification_change_count, \
    features_snapshot, metadata)";

const FEEDBACK: &str = "CREATE TABLE user_classification_feedback (feedback_id INT AUTO_INCREMENT PRIMARY KEY, \
    workout_id VARCHAR(20) {parent} NOT NULL, ai_classification VARCHAR(50), ai_confidence DECIMAL(5,4), \
    user_classification VARCHAR(50), feedback_type ENUM('accept', 'reject', 'correct', 'uncertain') NOT NULL, \
    user_certainty INT, comments TEXT, model_id VARCHAR(100), classification_method VARCHAR(50), user_id VARCHAR(100), \
    submitted_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, ip_address VARCHAR(45), processed BOOLEAN DEFAULT FALSE, \
    processed_at TIMESTAMP NULL, incorporated_in_model VARCHAR(100), CHECK (user_certainty BETWEEN 1 AND 5), \
    FOREIGN KEY (workout_id) REFERENCES workout_summary(workout_id) ON DELETE CASCADE, \
    FOREIGN KEY (model_id) REFERENCES ml_model_registry(model_id) ON DELETE SET NULL) \
    ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci";
const FEEDBACK_COLUMNS: &str = "user_classification_feedback (workout_id, ai_classification, ai_confidence, \
    user_classification, feedback_type, user_certainty, comments, model_id, classification_method, user_id, \
    submitted_at, ip_address, processed, processed_at, incorporated_in_model)";

//! The spine from end to end: import, run, plan, lifecycle, on both stores.

mod conformance;
mod crash;
mod lanes;
mod lifecycle;
mod plan_and_run;
mod real_files;

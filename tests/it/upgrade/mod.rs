//! Adopting a database that an older tool made: upgraded in place, nothing lost, nobody's word lost.

mod beside;
mod in_place;
mod killed;
mod odd;
mod older;
mod overwritten;
mod page;
mod picture;

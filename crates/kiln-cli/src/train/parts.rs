//! The texts in parts: to learn from, to validate on, and to judge the chosen model on.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::Train;
use crate::corpus::{Corpus, Known, Row, Rows};

/// The part to learn from, the one to validate on, and the one to judge the chosen model on.
pub(super) struct Parts {
    pub(super) train: Rows,
    pub(super) valid: Rows,
    pub(super) test: Option<Rows>,
}

/// A share, if it is not the name of a file.
fn share(option: &str, name: &str) -> Result<Option<f64>> {
    let share = option.parse::<f64>().ok();
    let is_one = share.is_none_or(|share| share > 0.0 && share < 1.0);
    ensure!(is_one, "--{name} should be a file or a share between 0 and 1, found {option}");
    Ok(share)
}

/// The shares to set aside to validate on and to judge with, where no file is named.
pub(super) fn shares(options: &Train) -> Result<[Option<f64>; 2]> {
    let valid = share(&options.valid, "valid")?;
    let test = options.test.as_deref().map_or(Ok(None), |test| share(test, "test"))?;
    let set_aside: f64 = [valid, test].into_iter().flatten().sum();
    ensure!(set_aside < 1.0, "--valid and --test together set all texts aside: give them smaller shares");
    Ok([valid, test])
}

pub(super) fn split(options: &Train, corpus: Corpus, out: &mut impl Write) -> Result<Parts> {
    let Corpus { rows: all, columns, .. } = corpus;
    describe(&all, out)?;
    let [valid_share, test_share] = shares(options)?;
    let set_aside: f64 = [valid_share, test_share].into_iter().flatten().sum();
    let shares: Vec<f64> = [Some(1.0 - set_aside), valid_share, test_share].into_iter().flatten().collect();
    let parts = kiln::split::by_hash(all.texts(), &shares, options.seed)?;
    let Rows { rows: all, names, has_several } = all;
    let parts = with_every_class(parts, &all);
    let too_few = "are too few to set some aside: give more, or files for --valid and --test";
    ensure!(parts.iter().all(|part| !part.is_empty()), "{} texts {too_few}", all.len());
    let mut parts = in_parts(all, &parts).into_iter().map(|rows| Rows { rows, names: names.clone(), has_several });
    let train = parts.next().context("there is no part to learn from")?;
    let mut of_file = |file: &str| of_file(options, Path::new(file), columns.as_ref(), &train, out);
    let valid = if valid_share.is_some() { parts.next() } else { Some(of_file(&options.valid)?) };
    let valid = valid.context("there is no part to validate on")?;
    let test = match (&options.test, test_share) {
        (Some(file), None) => Some(of_file(file)?),
        _ => parts.next(),
    };
    let counts = train.counts();
    let shown: Vec<String> =
        names.iter().zip(&counts).take(10).map(|(name, count)| format!("{name} {count}")).collect();
    let more = if counts.len() > shown.len() { ", …" } else { "" };
    let (learned, judged) = (train.rows.len(), valid.rows.len());
    writeln!(out, "{learned} texts to learn from, {judged} to validate on; {}{more}", shown.join(", "))?;
    if let Some(class) = counts.iter().position(|&count| count == 0) {
        bail!("the class {:?} has no text to learn from: add texts, or remove its rows", names[class]);
    }
    Ok(Parts { train, valid, test })
}

/// Says what is odd about the texts.
fn describe(all: &Rows, out: &mut impl Write) -> Result<()> {
    let empty = all.texts().filter(|text| text.trim().is_empty()).count();
    if empty > 0 {
        writeln!(out, "empty texts: {empty}")?;
    }
    let mut seen = HashMap::new();
    let mut torn = 0;
    for row in &all.rows {
        let first = *seen.entry(row.text.as_str()).or_insert(&row.labels);
        torn += usize::from(*first != row.labels);
    }
    if torn > 0 {
        writeln!(out, "texts that repeat an earlier text with a different label: {torn}")?;
    }
    Ok(())
}

/// A part from a file of its own, which is read as the first file is.
fn of_file(
    options: &Train,
    path: &Path,
    columns: Option<&[String; 2]>,
    train: &Rows,
    out: &mut impl Write,
) -> Result<Rows> {
    let reading = options.reading.for_another(path, columns)?;
    let known = Known { names: &train.names, has_several: train.has_several };
    let Corpus { rows, told, .. } = reading.read(path, Some(known))?;
    writeln!(out, "{}: {told}", path.display())?;
    let learned: HashSet<&str> = train.texts().collect();
    let shared = rows.texts().filter(|text| learned.contains(text)).count();
    if shared > 0 {
        writeln!(
            out,
            "{shared} of the {} texts of {} are also among the texts to learn from: scores on them are too good",
            rows.rows.len(),
            path.display()
        )?;
    }
    Ok(rows)
}

/// The rows of each part, in their order.
fn in_parts(all: Vec<Row>, places: &[Vec<usize>]) -> Vec<Vec<Row>> {
    let mut part_of = vec![0; all.len()];
    for (part, places) in places.iter().enumerate() {
        places.iter().for_each(|&place| part_of[place] = part);
    }
    let mut parts: Vec<Vec<Row>> = places.iter().map(|places| Vec::with_capacity(places.len())).collect();
    for (row, part) in all.into_iter().zip(part_of) {
        parts[part].push(row);
    }
    parts
}

/// The parts, so that there is something to learn of every class: the texts of one that has none move to the first
/// part.
fn with_every_class(parts: Vec<Vec<usize>>, all: &[Row]) -> Vec<Vec<usize>> {
    let learned: HashSet<u32> = parts[0].iter().flat_map(|&row| &all[row].labels).copied().collect();
    let is_new = |row: &&usize| all[**row].labels.iter().any(|label| !learned.contains(label));
    let missing = parts[1..].iter().flatten().filter(is_new);
    let moved: HashSet<&str> = missing.map(|&row| all[row].text.as_str()).collect();
    // Equal texts stay together.
    let is_moved = |&row: &usize| moved.contains(all[row].text.as_str());
    let mut parts = parts.into_iter();
    let mut first = parts.next().unwrap_or_default();
    let mut kept = Vec::new();
    for part in parts {
        let (over, stays): (Vec<usize>, Vec<usize>) = part.into_iter().partition(is_moved);
        first.extend(over);
        kept.push(stays);
    }
    first.sort_unstable();
    kept.insert(0, first);
    kept
}

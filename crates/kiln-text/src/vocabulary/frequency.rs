//! [`Frequency`]: a limit on how often something occurs, as a count or as a share.

use kiln_base::OptionError;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// A limit on how often a token occurs, or on how many texts contain a term.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// This many times, or in this many texts: a whole number in scikit-learn.
    Count(u64),
    /// This share of all tokens, or of all texts, from 0 to 1: a fraction in scikit-learn.
    Share(f64),
}

impl Frequency {
    /// The number of times that this limit means out of `total`.
    pub(crate) fn of(self, total: u64) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Share(share) => share * total as f64,
        }
    }

    /// An error for a count below `least` or an invalid share.
    pub(crate) fn check(self, option: &'static str, least: u64) -> Result<()> {
        let found = match self {
            Self::Count(count) if count < least => format!("a count of {count}"),
            // NaN too.
            Self::Share(share) if !(0.0..=1.0).contains(&share) => format!("a share of {share}"),
            _ => return Ok(()),
        };
        Err(OptionError::new(option, format!("a count of {least} or more, or a share from 0 to 1"), found).into())
    }
}

//! [`Labels`]: which class a label in a file stands for.

use rustc_hash::FxHashMap;

use crate::error::RowProblem;

/// Which class a label in a file stands for. `names` and `map` compare labels as they stand there, a number in JSON by its
/// digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Numbers(u32),
    Given { classes: FxHashMap<String, u32>, expected: String },
}

/// The most labels that a message lists.
const MOST_LISTED: usize = 20;

impl Labels {
    /// The label is the class: a whole number from 0, below `classes`. `1.0` counts as 1, `true` and `True` as 1, `false` and
    /// `False` as 0.
    pub fn numbers(classes: u32) -> Self {
        Self(Kind::Numbers(classes))
    }

    /// The label is the name of the class; its number is its place here. If a name is here twice, the last place counts.
    pub fn names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::map(names.into_iter().zip(0..))
    }

    /// Each label with the number of its class; several may stand for one class.
    pub fn map(labels: impl IntoIterator<Item = (impl Into<String>, u32)>) -> Self {
        let labels: Vec<(String, u32)> = labels.into_iter().map(|(label, class)| (label.into(), class)).collect();
        let mut shown: Vec<String> = labels.iter().take(MOST_LISTED).map(|(label, _)| format!("{label:?}")).collect();
        if labels.len() > MOST_LISTED {
            shown.push(format!("and {} more", labels.len() - MOST_LISTED));
        }
        let expected = format!("one of {}", shown.join(", "));
        Self(Kind::Given { classes: labels.into_iter().collect(), expected })
    }

    /// The class of a label.
    pub(crate) fn class(&self, label: &str) -> std::result::Result<u32, RowProblem> {
        let (class, expected) = match &self.0 {
            Kind::Numbers(classes) => {
                // What was a number or a truth value elsewhere.
                let number = match label {
                    "true" | "True" => Some(1),
                    "false" | "False" => Some(0),
                    number => number.strip_suffix(".0").unwrap_or(number).parse().ok(),
                };
                let class = number.filter(|class| class < classes);
                (class, class.map_or_else(|| format!("a whole number from 0, below {classes}"), |_| String::new()))
            }
            Kind::Given { classes, expected } => match classes.get(label) {
                Some(&class) => (Some(class), String::new()),
                None => (None, expected.clone()),
            },
        };
        class.ok_or_else(|| RowProblem::Label { expected, found: label.to_owned() })
    }
}

//! [`Labels`]: which class each label of a file belongs to.

use rustc_hash::FxHashMap;

use crate::error::RowProblem;

/// Which class each label of a file belongs to, and the names of the classes. [`names`](Self::names) and
/// [`map`](Self::map) compare labels as the file spells them; a JSON number is compared by its digits.
///
/// # Examples
///
/// ```
/// use kiln_text::corpora::Labels;
///
/// // "neg" and "pos"
/// Labels::names(["neg", "pos"]);
/// // 0 and 1
/// Labels::numbers(["neg", "pos"]);
/// // Stars, of which three are not wanted.
/// Labels::map([("1", "neg"), ("2", "neg"), ("4", "pos"), ("5", "pos")]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The names, by class number.
    class_names: Vec<String>,
    /// The labels of the file; `None` if they are the class numbers.
    given: Option<Given>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    classes: FxHashMap<String, u32>,
    /// The valid labels, for messages.
    expected: String,
}

/// How many labels a message lists.
const MOST_LISTED: usize = 20;

impl Labels {
    /// The label is the class number, an index into these names: a whole number from 0. `1.0` counts as 1, `true` and
    /// `True` as 1, `false` and `False` as 0.
    pub fn numbers(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { class_names: names.into_iter().map(Into::into).collect(), given: None }
    }

    /// The label is the class name; the class number is its index here. A repeated name counts once.
    pub fn names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::map(names.into_iter().map(|name| {
            let name = name.into();
            (name.clone(), name)
        }))
    }

    /// Each label with the name of its class; several labels may belong to one class. Classes are numbered in the order
    /// in which they first appear here. If a label appears twice, the last one counts.
    pub fn map(labels: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let (mut class_names, mut classes, mut shown) = (Vec::new(), FxHashMap::default(), Vec::new());
        let mut numbers = FxHashMap::default();
        for (label, name) in labels {
            let (label, name) = (label.into(), name.into());
            let class = *numbers.entry(name.clone()).or_insert(class_names.len() as u32);
            if class as usize == class_names.len() {
                class_names.push(name);
            }
            if shown.len() < MOST_LISTED {
                shown.push(format!("{label:?}"));
            }
            classes.insert(label, class);
        }
        if classes.len() > shown.len() {
            shown.push(format!("and {} more", classes.len() - shown.len()));
        }
        let expected = format!("one of {}", shown.join(", "));
        Self { class_names, given: Some(Given { classes, expected }) }
    }

    /// The class names, by number.
    pub(crate) fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The class of a label.
    pub(crate) fn class(&self, label: &str) -> std::result::Result<u32, RowProblem> {
        let class = match &self.given {
            Some(given) => given.classes.get(label).copied(),
            None => {
                // Numbers and booleans as other formats spell them.
                let number = match label {
                    "true" | "True" => Some(1),
                    "false" | "False" => Some(0),
                    number => number.strip_suffix(".0").unwrap_or(number).parse().ok(),
                };
                number.filter(|&class: &u32| (class as usize) < self.class_names.len())
            }
        };
        class.ok_or_else(|| RowProblem::Label {
            expected: match &self.given {
                Some(given) => given.expected.clone(),
                None => format!("a whole number from 0, below {}", self.class_names.len()),
            },
            found: label.to_owned(),
        })
    }
}

//! [`Normalizer`]: what happens to a text before it is split. HTML tags are in `html.rs`.

use std::borrow::Cow;

use kiln_base::options;
use serde::{Deserialize, Serialize};
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{
    IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfd_quick, is_nfkc_quick, is_nfkd_quick,
};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::tokens::html::Html;
use crate::tokens::python_characters::python_words;

/// A Unicode normalisation form (Standard Annex 15): one spelling for texts that look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnicodeForm {
    /// Composed: `é` is one code point.
    Nfc,
    /// Decomposed: `é` is `e` and an accent, a Hangul syllable its jamo.
    Nfd,
    /// Composed, and `ﬁ`, `①`, `Ａ` written as `fi`, `1`, `A`.
    Nfkc,
    /// Decomposed, and `ﬁ`, `①`, `Ａ` written as `fi`, `1`, `A`.
    Nfkd,
}

impl UnicodeForm {
    fn apply(self, text: Cow<'_, str>) -> Cow<'_, str> {
        if text.is_ascii() {
            return text;
        }
        let holds = match self {
            UnicodeForm::Nfc => is_nfc_quick(text.chars()),
            UnicodeForm::Nfd => is_nfd_quick(text.chars()),
            UnicodeForm::Nfkc => is_nfkc_quick(text.chars()),
            UnicodeForm::Nfkd => is_nfkd_quick(text.chars()),
        };
        if holds == IsNormalized::Yes {
            return text;
        }
        Cow::Owned(match self {
            UnicodeForm::Nfc => text.nfc().collect(),
            UnicodeForm::Nfd => text.nfd().collect(),
            UnicodeForm::Nfkc => text.nfkc().collect(),
            UnicodeForm::Nfkd => text.nfkd().collect(),
        })
    }
}

/// What happens to accents and other combining marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accents {
    /// They are kept.
    #[default]
    Keep,
    /// Characters are decomposed and lose the marks whose canonical combining class is not 0: `é` becomes `e`; `ø`,
    /// which has no decomposition, stays. With [`UnicodeForm::Nfkd`] this is scikit-learn's `strip_accents="unicode"`;
    /// without a form the rest is composed again (NFC).
    ///
    /// Meant for scripts where marks are accents: Japanese loses its dakuten, Hebrew its vowel points.
    Strip,
    /// scikit-learn's `strip_accents="ascii"`: NFKD, and whatever is then not ASCII is dropped.
    Ascii,
}

/// What happens to punctuation: the Unicode category P, and the ASCII symbols ``$+<=>^`|~``.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Punctuation {
    /// It is kept.
    #[default]
    Keep,
    /// It is dropped, and its neighbours are joined: `stop-me` becomes `stopme`.
    Drop,
    /// It is replaced by a space: `stop-me` becomes `stop me`.
    Space,
}

options! {
    /// Prepares texts for splitting. By default, it changes nothing.
    ///
    /// The order is fixed, whatever the order of the calls: HTML tags, the Unicode form, lower case, accents,
    /// punctuation, white space, and the form again, since the other steps can break it. So the result is always in the
    /// form, and normalising it again changes nothing, except for tags.
    ///
    /// It takes time proportional to the length of the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::tokens::{Accents, Html, Normalizer, Punctuation, UnicodeForm};
    ///
    /// let normalizer = Normalizer::new()
    ///     .html(Html::Breaks)
    ///     .form(UnicodeForm::Nfkc)
    ///     .lower(true)
    ///     .accents(Accents::Strip)
    ///     .punctuation(Punctuation::Drop)
    ///     .collapse_white_space(true);
    /// assert_eq!(normalizer.normalize("Ｅｎｃｏｒｅ!<br /><br />Une comédie, très drôle…"), "encore une comedie tres drole");
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Normalizer [
        /// A normaliser that changes nothing.
        pub fn new
    ] {
        /// The HTML tags to replace by a space. Default: none.
        html: Html = Html::Keep,
        /// The Unicode form of the result. Default: unchanged.
        some form: UnicodeForm,
        /// Whether to lower-case, in full Unicode like Python's `str.lower`. Default: false.
        lower: bool = false,
        /// What happens to accents. Default: they are kept.
        accents: Accents = Accents::Keep,
        /// What happens to punctuation. Default: it is kept.
        punctuation: Punctuation = Punctuation::Keep,
        bare kept_punctuation: String = String::new(),
        /// Whether runs of white space become one space, with none at the ends. White space is what Python's
        /// `str.split` splits at. Default: false.
        collapse_white_space: bool = false,
    }
}

impl Normalizer {
    setters! {
        /// Characters that are kept whatever [`punctuation`](Self::punctuation) says, such as `"'"` to keep `don't`
        /// whole. Default: none.
        keep_punctuation(characters: impl Into<String>) => kept_punctuation = characters.into();
    }

    /// The normalised text; it is borrowed if nothing had to change.
    pub fn normalize<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = self.html.strip(Cow::Borrowed(text));
        // Before lower-casing, since letters that only a form makes plain also have a case: ℌ is H.
        let first_form = if self.accents == Accents::Ascii { Some(UnicodeForm::Nfkd) } else { self.form };
        if let Some(form) = first_form {
            text = form.apply(text);
        }
        if self.lower {
            text = lower(text);
        }
        text = self.without_accents(text);
        text = self.without_punctuation(text);
        if self.collapse_white_space {
            text = collapse(text);
        }
        let last_form = self.form.or((self.accents == Accents::Strip).then_some(UnicodeForm::Nfc));
        match last_form {
            Some(form) => form.apply(text),
            None => text,
        }
    }

    fn without_accents<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if text.is_ascii() {
            return text;
        }
        let (form, stays): (_, fn(char) -> bool) = match self.accents {
            Accents::Keep => return text,
            // In a text in a compatibility form, NFKD would decompose nothing more than NFD does.
            Accents::Strip => (UnicodeForm::Nfd, |c| canonical_combining_class(c) == 0),
            Accents::Ascii => (UnicodeForm::Nfkd, |c| c.is_ascii()),
        };
        let mut text = form.apply(text).into_owned();
        text.retain(stays);
        Cow::Owned(text)
    }

    fn without_punctuation<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        let goes = |c: char| is_punctuation(c) && !self.kept_punctuation.contains(c);
        match self.punctuation {
            Punctuation::Keep => text,
            _ if !text.contains(goes) => text,
            Punctuation::Drop => {
                let mut text = text.into_owned();
                text.retain(|c| !goes(c));
                Cow::Owned(text)
            }
            Punctuation::Space => Cow::Owned(text.chars().map(|c| if goes(c) { ' ' } else { c }).collect()),
        }
    }
}

/// Whether a character is punctuation: Unicode category P, or one of the 32 in Python's `string.punctuation`.
pub(crate) fn is_punctuation(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_punctuation()
    } else {
        c.general_category_group() == GeneralCategoryGroup::Punctuation
    }
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(text.to_lowercase());
    }
    if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return text;
    }
    let mut text = text.into_owned();
    text.make_ascii_lowercase();
    Cow::Owned(text)
}

fn collapse(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut collapsed = String::with_capacity(text.len());
    for word in python_words(&text) {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }

    if collapsed == *text { text } else { Cow::Owned(collapsed) }
}

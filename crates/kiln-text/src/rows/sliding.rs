//! [`SlidingWindows`]: pieces of one length from a long row of tokens. Windows with targets are in `timeseries.rs`,
//! n-grams as text in `ngrams.rs`.

use kiln_base::{OptionError, options};

use crate::error::Result;

/// What happens to the elements after the last whole window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Remainder {
    /// They are dropped.
    #[default]
    Drop,
    /// They form one last, shorter window, unless the window before it contains them all.
    Short,
    /// They form one last window of full length that begins earlier than the stride says. Only a row shorter than the
    /// size gives a shorter window.
    Overlap,
}

options! {
    /// Cuts rows of any elements into windows of one size, each a stride after the previous one.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::rows::{Remainder, SlidingWindows};
    ///
    /// let ids = [1, 2, 3, 4, 5, 6, 7, 8];
    /// let windows = SlidingWindows::new(3).stride(2);
    /// assert_eq!(windows.of(&ids)?.collect::<Vec<_>>(), [[1, 2, 3], [3, 4, 5], [5, 6, 7]]);
    /// let short = windows.remainder(Remainder::Short);
    /// assert_eq!(short.of(&ids)?.last(), Some(&[7, 8][..]));
    /// assert_eq!(windows.remainder(Remainder::Overlap).of(&ids)?.last(), Some(&[6, 7, 8][..]));
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SlidingWindows [
        /// Windows of `size` elements that start at every element, none of them short.
        pub const fn new
    ] {
        required size: usize,
        /// The distance between the starts of consecutive windows. Default: 1.
        stride: usize = 1,
        /// What happens to the elements after the last whole window. Default: [`Remainder::Drop`].
        remainder: Remainder = Remainder::Drop,
    }
}

impl SlidingWindows {
    /// The windows of a row, in order; they borrow from it. With [`Remainder::Short`] and [`Remainder::Overlap`], and a
    /// stride no larger than the size, every element is in one of them.
    ///
    /// # Errors
    ///
    /// [`Error::Option`](crate::Error::Option) for a `size` or `stride` of 0.
    pub fn of<'e, T>(&self, elements: &'e [T]) -> Result<impl Iterator<Item = &'e [T]> + Clone + use<'e, T>> {
        let (len, size, stride) = (elements.len(), self.size, self.stride);
        OptionError::unless(size > 0, "size", "1 or more", size)?;
        OptionError::unless(stride > 0, "stride", "1 or more", stride)?;
        let whole = if len < size { 0 } else { (len - size) / stride + 1 };
        // The end of the last whole window, and where the next would begin.
        let (covered, next) =
            if whole == 0 { (0, 0) } else { ((whole - 1) * stride + size, whole.saturating_mul(stride)) };
        let start = match self.remainder {
            _ if covered == len => None,
            Remainder::Drop => None,
            Remainder::Short => (next < len).then_some(next),
            Remainder::Overlap => Some(len.saturating_sub(size)),
        };
        let last = start.map(|start| &elements[start..]);
        Ok((0..whole).map(move |window| &elements[window * stride..window * stride + size]).chain(last))
    }
}

//! The progress bar of an epoch in a terminal; without the feature `progress` it does nothing.

/// The bar of the current epoch.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    #[cfg(feature = "progress")]
    shown: Option<indicatif::ProgressBar>,
}

#[cfg(feature = "progress")]
impl Bar {
    /// Whether there is a terminal to draw in.
    pub(crate) fn is_seen(&self) -> bool {
        std::io::IsTerminal::is_terminal(&std::io::stdout())
    }

    /// Draws step `step` of `steps` of the epoch `name`, with the text `told`.
    pub(crate) fn show(&mut self, name: impl FnOnce() -> String, [step, steps]: [usize; 2], told: String) {
        use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

        let bar = self.shown.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stdout());
            if let Ok(style) = ProgressStyle::with_template("epoch {prefix} {bar:24} {pos}/{len}  {msg}{eta} left") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(name());
            bar
        });
        bar.set_message(told);
        bar.set_position(step as u64);
    }

    /// Removes the bar.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(not(feature = "progress"))]
impl Bar {
    pub(crate) fn is_seen(&self) -> bool {
        false
    }

    pub(crate) fn show(&mut self, _name: impl FnOnce() -> String, _step: [usize; 2], _told: String) {}

    pub(crate) fn clear(&mut self) {}
}

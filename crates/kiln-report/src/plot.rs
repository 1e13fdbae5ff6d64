//! Pictures as SVG and PNG files: the confusion matrix, and the frame for other pictures of Kiln.

use std::path::Path;
use std::sync::OnceLock;

use kiln_base::{FileError, write_whole};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::confusion::ConfusionMatrix;
use crate::error::{Error, Result};

/// Something that can be drawn.
pub trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it on a white area of that size.
    ///
    /// # Errors
    ///
    /// The message of the drawing backend.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> std::result::Result<(), String>;
}

/// Draws a picture to a `.svg` or `.png` file, which appears whole or not at all.
///
/// # Errors
///
/// The file has another extension, the picture cannot be drawn, or the file cannot be written.
pub fn save(picture: &impl Picture, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let failed = |message: String| Error::Plot { path: path.display().to_string(), message };
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => {
            let mut text = String::new();
            drawn(picture, SVGBackend::with_string(&mut text, picture.size()).into_drawing_area()).map_err(failed)?;
            text.into_bytes()
        }
        Some("png") => {
            // The plotters encoder writes only to a path.
            let folder =
                tempfile::tempdir().map_err(FileError::new("make a temporary folder in", std::env::temp_dir()))?;
            let file = folder.path().join("picture.png");
            drawn(picture, BitMapBackend::new(&file, picture.size()).into_drawing_area()).map_err(failed)?;
            std::fs::read(&file).map_err(FileError::new("read", &file))?
        }
        _ => return Err(failed("expected a name that ends in .svg or .png".to_owned())),
    };
    Ok(write_whole(path, &bytes)?)
}

fn drawn<B: DrawingBackend>(picture: &impl Picture, area: DrawingArea<B, Shift>) -> std::result::Result<(), String> {
    font_is_registered()?;
    area.fill(&WHITE).map_err(text)?;
    picture.draw(&area)?;
    area.present().map_err(text)
}

/// The message of an error, for [`Picture::draw`].
pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Pictures bring their own font, because a machine may have none.
fn font_is_registered() -> std::result::Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = *REGISTERED
        .get_or_init(|| register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok());
    if registered { Ok(()) } else { Err("the font cannot be read".to_owned()) }
}

/// Up to this many classes, each cell shows its number.
const NUMBERED: usize = 25;
/// A picture shows at most this many classes.
const DRAWN: usize = 500;
/// Up to this many classes, each class shows its name.
const NAMED: usize = 60;

impl ConfusionMatrix {
    /// Draws the matrix to a `.svg` or `.png` file: one row per true class, one column per predicted class. A cell is
    /// darker the larger its share of the true class.
    ///
    /// # Errors
    ///
    /// The file has another extension, there are more than 500 classes, or the file cannot be written.
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        if self.class_names().len() > DRAWN {
            let message = format!("a picture shows at most {DRAWN} classes, found {}", self.class_names().len());
            return Err(Error::Plot { path: path.as_ref().display().to_string(), message });
        }
        save(self, path)
    }
}

impl Picture for ConfusionMatrix {
    fn size(&self) -> (u32, u32) {
        let longest = self.class_names().iter().map(|name| name.chars().count()).max().unwrap_or(0).min(24) as u32;
        let (cell, margin) = (cell(self.class_names().len()), 60 + 8 * longest);
        let side = margin + cell * self.class_names().len() as u32 + 20;
        (side.max(360), side.max(260))
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> std::result::Result<(), String> {
        let (classes, cell) = (self.class_names().len(), cell(self.class_names().len()) as i32);
        let (_, height) = self.size();
        let margin = height as i32 - 20 - cell * classes as i32;
        let style = |size: i32, colour: &RGBColor, horizontal, vertical| {
            let font = ("sans-serif", size).into_font().color(colour);
            font.pos(Pos::new(horizontal, vertical))
        };
        let title = style(16, &BLACK, HPos::Left, VPos::Top);
        area.draw_text("rows: true class, columns: predicted class", &title, (8, 8)).map_err(text)?;
        for (truth, counts) in self.counts().iter().enumerate() {
            let of_class = counts.iter().sum::<u64>().max(1) as f64;
            for (predicted, &count) in counts.iter().enumerate() {
                let share = count as f64 / of_class;
                let (x, y) = (margin + cell * predicted as i32, margin + cell * truth as i32);
                let tone = |light: f64, dark: f64| (light + (dark - light) * share) as u8;
                let colour = RGBColor(tone(245.0, 8.0), tone(248.0, 48.0), tone(252.0, 107.0));
                area.draw(&Rectangle::new([(x, y), (x + cell - 1, y + cell - 1)], colour.filled())).map_err(text)?;
                if classes <= NUMBERED && count > 0 {
                    let ink = if share > 0.5 { &WHITE } else { &BLACK };
                    let number = style((cell / 4).clamp(9, 16), ink, HPos::Center, VPos::Center);
                    area.draw_text(&count.to_string(), &number, (x + cell / 2, y + cell / 2)).map_err(text)?;
                }
            }
        }
        if classes <= NAMED {
            let size = (cell - 2).clamp(7, 14);
            for (class, name) in self.class_names().iter().enumerate() {
                let name = shortened(name);
                let middle = margin + cell * class as i32 + cell / 2;
                let left = style(size, &BLACK, HPos::Right, VPos::Center);
                area.draw_text(&name, &left, (margin - 8, middle)).map_err(text)?;
                let above = style(size, &BLACK, HPos::Left, VPos::Center).transform(FontTransform::Rotate270);
                area.draw_text(&name, &above, (middle, margin - 8)).map_err(text)?;
            }
        }
        Ok(())
    }
}

/// The side length of a cell in pixels.
fn cell(classes: usize) -> u32 {
    (900 / classes.max(1) as u32).clamp(8, 64)
}

/// A name shortened to 24 letters.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(24) {
        Some(_) => name.chars().take(23).chain(['…']).collect(),
        None => name.to_owned(),
    }
}

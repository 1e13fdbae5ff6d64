//! Pictures as SVG or PNG files, which are written whole or not at all.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

/// Something that can be drawn.
pub trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it on `area`.
    ///
    /// # Errors
    ///
    /// The errors of the backend.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>;
}

/// Draws a picture to a `.svg` or `.png` file.
///
/// # Errors
///
/// The name has another ending, or the file cannot be written.
pub fn save(path: &Path, picture: &impl Picture) -> Result<()> {
    // Pictures use their own font, since a machine may have none.
    register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| anyhow!("the font cannot be read"))?;
    let ending = path.extension().and_then(|extension| extension.to_str());
    let suffix = match ending {
        Some("svg") => ".svg",
        Some("png") => ".png",
        _ => bail!("a picture's name must end in .svg or .png, but is {}", path.display()),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = tempfile::Builder::new().prefix(".picture-").suffix(suffix).tempfile_in(folder);
    let file = file.with_context(|| format!("cannot write into {}", folder.display()))?;
    let failed = |message: String| anyhow!("cannot draw {}: {message}", path.display());
    if suffix == ".svg" {
        let area = SVGBackend::new(file.path(), picture.size()).into_drawing_area();
        picture.draw(&area).and_then(|()| area.present()).map_err(|error| failed(error.to_string()))?;
    } else {
        let area = BitMapBackend::new(file.path(), picture.size()).into_drawing_area();
        picture.draw(&area).and_then(|()| area.present()).map_err(|error| failed(error.to_string()))?;
    }
    let file = file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    #[cfg(unix)]
    {
        // A temporary file is private; the file that it becomes should have the usual permissions.
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    drop(file);
    Ok(())
}

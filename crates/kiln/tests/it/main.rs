//! The texts of errors: all of them, and in a program built without a feature those that name the feature.

mod messages;

#[cfg(not(feature = "download"))]
#[test]
fn without_downloads_the_feature_is_named() {
    use kiln::text::corpora::{Download, Imdb};

    let nowhere = std::env::temp_dir().join("kiln-without-downloads");
    let download = Download::new("https://example.org/reviews.tar.gz", "0", 1);
    let error = Imdb::cached_in(nowhere, &download).unwrap_err().to_string();
    assert!(error.contains("the feature `download`") && error.contains("`Imdb::open`"), "{error}");
}

#[cfg(not(feature = "plot"))]
#[test]
fn without_pictures_the_feature_is_named() {
    let error = kiln::train::History::default().plot("curves.svg").unwrap_err().to_string();
    assert!(error.contains("the feature `plot`") && error.contains("curves.svg"), "{error}");
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn without_a_backend_the_feature_is_named() {
    let error = kiln::device_named(Some("wgpu")).unwrap_err().to_string();
    assert!(error.contains("wgpu") && error.contains("feature"), "{error}");
}

#[test]
fn an_unknown_backend_is_told_with_those_there_are() {
    let error = kiln::device_named(Some("abacus")).unwrap_err().to_string();
    assert!(error.contains("abacus") && error.contains("available here"), "{error}");
}

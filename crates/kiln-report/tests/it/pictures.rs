//! The confusion matrix as a picture.

use kiln_report::ConfusionMatrix;

#[test]
fn as_svg_and_png_of_any_number_of_classes() {
    let folder = tempfile::tempdir().unwrap();
    for classes in [2, 7, 30, 80] {
        let names: Vec<String> = (0..classes).map(|class| format!("class number {class}")).collect();
        let truth: Vec<u32> = (0..classes * 9).map(|row| row % classes).collect();
        let predicted: Vec<u32> =
            truth.iter().enumerate().map(|(row, &class)| (class + u32::from(row % 5 == 0)) % classes).collect();
        let matrix = ConfusionMatrix::new(&names, &truth, &predicted).unwrap();
        let (svg, png) = (folder.path().join("matrix.svg"), folder.path().join("matrix.png"));
        matrix.plot(&svg).unwrap();
        matrix.plot(&png).unwrap();
        let text = std::fs::read_to_string(&svg).unwrap();
        assert!(text.starts_with("<svg") && text.matches("<rect").count() as u32 > classes * classes);
        assert_eq!(text.contains("class number 1"), classes <= 60);
        assert!(std::fs::read(&png).unwrap().starts_with(b"\x89PNG"));
        if let Some(keep) = std::env::var_os("KILN_KEEP_PICTURES") {
            std::fs::copy(&png, std::path::Path::new(&keep).join(format!("matrix-{classes}.png"))).unwrap();
        }
    }
    let matrix = ConfusionMatrix::new(&["a", "b"], &[0], &[1]).unwrap();
    let error = matrix.plot(folder.path().join("matrix.gif")).unwrap_err().to_string();
    assert!(error.contains("matrix.gif") && error.contains(".svg or .png"), "{error}");
    assert!(matrix.plot("no/such/folder/matrix.svg").unwrap_err().to_string().contains("no/such/folder"));
}

// mdBook turns every link to a .md file into one to an .html file, also where the file is not a page of the book.
// Links that leave the book get their .md back, so that they open the file in the clone.
for (const link of document.querySelectorAll('.content a[href^="../"]')) {
    const root = new URL(path_to_root || './', document.baseURI).href;
    if (!link.href.startsWith(root)) {
        link.href = link.href.replace(/\.html(?=#|$)/, '.md');
    }
}

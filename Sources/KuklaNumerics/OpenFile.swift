package import Foundation

/// A file that is open for reading at any place.
///
/// It stays the file that was opened: where its name is given to another one meanwhile, reads still answer from this.
package final class OpenFile: Sendable {
    package let url: URL
    package let descriptor: Int32

    /// Opens the file at `url`.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`).
    package init(_ url: URL) throws(KuklaError) {
        self.url = url
        descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw KuklaError.whenOpening(url) }
    }

    /// Takes a descriptor, which is closed when this object goes.
    package init(_ url: URL, owning descriptor: Int32) {
        self.url = url
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Fills `bytes` with those of the file that begin at `offset`.
    ///
    /// - Throws: `KuklaError`: `inputOutput` where they cannot be read, `badData` where the file was cut meanwhile.
    package func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(KuklaError) {
        var done = 0
        while done < bytes.count {
            let got = pread(
                descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else {
                throw KuklaError.afterSystemCall("Cannot read \(url.path)")
            }
            guard got > 0 else {
                throw KuklaError(
                    .badData,
                    "Cannot read \(url.path): it ends at byte \(offset + done), and \(bytes.count - done) more were there when it was opened. Something has cut it: build it again or restore a copy."
                )
            }
            done += got
        }
    }
}

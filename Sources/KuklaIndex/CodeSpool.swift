import Foundation
import KuklaNumerics
import Synchronization

/// A nameless file of codes that are in no collection file yet. It only grows: copies of an index share what they have
/// in common.
final class CodeSpool: Sendable {
    let file: OpenFile
    private let end = Mutex(0)

    init(in folder: URL) throws(KuklaError) {
        let name = folder.appending(path: "finer-codes")
        file = OpenFile(name, owning: try SpoolFile.nameless(beside: name))
    }

    /// Writes `bytes` behind the first `kept`; says no, and writes nothing, where another copy of the index has done so
    /// before.
    func append(_ bytes: UnsafeRawBufferPointer, after kept: Int) throws(KuklaError) -> Bool {
        try end.withLock { (end: inout Int) throws(KuklaError) -> Bool in
            guard end == kept else { return false }
            guard SpoolFile.write(bytes, to: file.descriptor, at: kept) else {
                throw KuklaError.whenWriting(file.url)
            }
            end += bytes.count
            return true
        }
    }
}

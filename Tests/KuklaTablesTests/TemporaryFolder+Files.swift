import Foundation
import KuklaTestSupport

extension TemporaryFolder {
    /// A file of that name with this text.
    func file(_ name: String, _ text: String) throws -> URL {
        let file = url.appending(path: name)
        try Data(text.utf8).write(to: file)
        return file
    }
}

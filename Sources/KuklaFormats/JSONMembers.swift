package import Foundation
package import KuklaNumerics

/// The members of a JSON object in their order, their values as they were written: for changing some and leaving the rest alone.
package struct JSONMembers {
    private var members: [(key: String, value: String)] = []

    /// - Throws: `KuklaError(.badData)` that names `url` where its bytes are no JSON object.
    package init(_ url: URL) throws(KuklaError) {
        let file = try MappedFile(url)
        do throws(JSONFault) {
            members = try file.withBytes { (bytes) throws(JSONFault) in
                var found: [(key: String, value: String)] = []
                var scanner = JSONScanner(bytes)
                try scanner.object { (key, scanner) throws(JSONFault) in
                    _ = scanner.peek()
                    let start = scanner.position
                    try scanner.skip()
                    found.append((key, scanner.text(from: start)))
                }
                try scanner.finish()
                return found
            }
        } catch {
            throw KuklaError(
                .badData, "Cannot read \(url.path): \(error.what) (byte \(error.offset)).")
        }
    }

    /// The value of a key as JSON; setting nil removes it, a new key goes last.
    package subscript(key: String) -> String? {
        get { members.last { $0.key == key }?.value }
        set {
            let place = members.firstIndex { $0.key == key }
            members.removeAll { $0.key == key }
            if let newValue { members.insert((key, newValue), at: place ?? members.count) }
        }
    }

    /// The same members in the order of their names.
    package var sorted: JSONMembers {
        var sorted = self
        sorted.members.sort { $0.key < $1.key }
        return sorted
    }

    /// The object, a member a line.
    package var text: String {
        let lines = members.map { "  \(jsonQuoted($0.key)): \($0.value)" }
        return "{\n\(lines.joined(separator: ",\n"))\n}\n"
    }
}

import Foundation
import KuklaFormats
import KuklaNumerics

/// A post as it was sent.
struct NewsgroupPost: Sendable {
    let group: String
    let bytes: ArraySlice<UInt8>

    /// Subject and body in one line.
    ///
    /// Other headers are left out, and so are all names of groups: both would give the group away.
    var text: String {
        // Latin-1: each byte is a character.
        let post = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
        let head = post.firstRange(of: "\n\n")
        let headers = post[..<(head?.lowerBound ?? post.startIndex)]
        let subject = headers.split(separator: "\n").first { $0.hasPrefix("Subject:") }?.dropFirst(8) ?? ""
        let body = post[(head?.upperBound ?? post.startIndex)...]
        return "\(subject). \(body)"
            .replacing(/\b(?:alt|comp|misc|rec|sci|soc|talk)\.[a-z0-9.\-]+/.ignoresCase(), with: " ")
            .replacing(/\s+/, with: " ").trimmingCharacters(in: .whitespaces)
    }
}

extension StudyBench {
    /// 20 Newsgroups by date (Lang 1995): 11,314 posts to learn from (`training`), 7,532 later ones to judge by (`test`).
    func newsgroups() throws(KuklaError) -> (training: [NewsgroupPost], test: [NewsgroupPost]) {
        let archive = try TarReader(ByteSource(data("20newsgroups/20news-bydate.tar.gz")))
        var parts: [String: [NewsgroupPost]] = [:]
        while let file = try archive.next() {
            let path = file.name.split(separator: "/")
            guard path.count == 4 else { continue }
            parts[String(path[1]), default: []].append(
                NewsgroupPost(group: String(path[2]), bytes: file.bytes))
        }
        guard let training = parts["training"], let test = parts["test"] else {
            throw KuklaError(
                .badData,
                "Cannot read 20newsgroups: expected posts under training and test. Get the file again.")
        }
        return (training, test)
    }

    /// The articles of WikiText-2's validation and test parts, with their titles.
    func wikiArticles() throws(KuklaError) -> [(title: String, text: String)] {
        var all: [(title: String, text: String)] = []
        for part in ["valid", "test"] {
            let lines = try LineReader(data("wikitext2_valid_test/\(part).txt.gz"))
            while let line = try lines.nextString() {
                let line = line.trimmingCharacters(in: .whitespaces)
                // Titles have one mark on each side, sections two or more.
                if line.hasPrefix("= "), line.hasSuffix(" ="), !line.hasPrefix("= =") {
                    all.append((line.dropFirst(2).dropLast(2).trimmingCharacters(in: .whitespaces), ""))
                } else if !line.isEmpty, !all.isEmpty {
                    all[all.count - 1].text += line + " "
                }
            }
        }
        return all.filter { !$0.text.isEmpty }
    }
}

/// Files of a tar archive, one after the other.
private final class TarReader {
    private let bytes: [UInt8]
    private let name: String
    private var position = 0

    init(_ source: ByteSource) throws(KuklaError) {
        name = source.name
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            var failure: KuklaError?
            let count = chunk.withUnsafeMutableBytes { buffer in
                do throws(KuklaError) { return try source.read(into: buffer) } catch {
                    failure = error
                    return 0
                }
            }
            if let failure { throw failure }
            guard count > 0 else { break }
            all += chunk[..<count]
        }
        bytes = all
    }

    /// The next regular file; nil after the last.
    func next() throws(KuklaError) -> (name: String, bytes: ArraySlice<UInt8>)? {
        while position + 512 <= bytes.count {
            let header = bytes[position..<position + 512]
            guard header.contains(where: { $0 != 0 }) else { return nil }
            func field(_ range: Range<Int>) -> String {
                let raw = header[header.startIndex + range.lowerBound..<header.startIndex + range.upperBound]
                return String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            let digits = field(124..<136).trimmingCharacters(in: .whitespaces)
            guard let size = Int(digits, radix: 8), size <= bytes.count - position - 512 else {
                throw KuklaError(
                    .badData, "Cannot read \(name): no tar header at byte \(position). Get the file again.")
            }
            let start = position + 512
            position = start + (size + 511) / 512 * 512
            let kind = header[header.startIndex + 156]
            if kind == UInt8(ascii: "0") || kind == 0 {
                let prefix = field(257..<262) == "ustar" ? field(345..<500) : ""
                return ((prefix.isEmpty ? "" : prefix + "/") + field(0..<100), bytes[start..<start + size])
            }
        }
        return nil
    }
}

import Crypto
import Foundation
import KuklaNumerics

/// What lies in a fetched model folder, so that it can be verified without a network.
struct ModelManifest: Codable, Equatable {
    struct File: Codable, Equatable {
        var path: String
        var size: Int
        var sha256: String
    }

    static let fileName = ".kukla-model.json"

    var schemaVersion = 1
    var model: String
    /// What was asked for: a branch, a tag or a commit.
    var revision: String
    /// The commit that it named then.
    var commit: String
    var files: [File]

    /// The manifest of `folder`, or `nil` where there is none that can be read.
    static func read(from folder: URL) -> ModelManifest? {
        guard let data = try? Data(contentsOf: folder.appending(path: fileName)) else { return nil }
        guard let manifest = try? JSONDecoder().decode(ModelManifest.self, from: data),
            manifest.files.allSatisfy({ HubListing.isSafe($0.path) })
        else { return nil }
        return manifest
    }

    func write(to folder: URL) throws(KuklaError) {
        let url = folder.appending(path: Self.fileName)
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try encoder.encode(self).write(to: url, options: .atomic)
        } catch {
            throw KuklaError(.inputOutput, "could not write \(url.path)", cause: error)
        }
    }

    /// The files of `folder` that are not what was fetched: missing, of another size, or changed. Reads all.
    func damagedFiles(in folder: URL) -> [String] {
        files.filter { file in
            let url = folder.appending(path: file.path)
            return FileDigest.size(of: url) != file.size
                || (try? FileDigest(of: url, expecting: file.size))?.sha256 != file.sha256
        }.map(\.path)
    }
}

/// Checksums of a file's content, read in pieces.
struct FileDigest {
    let sha256: String
    /// As git names the content: SHA-1 over `blob <size>\0` and the content; only where it was asked for.
    let gitBlob: String?

    init(of url: URL, expecting size: Int, withGitBlob: Bool = false) throws(KuklaError) {
        var large = SHA256()
        var git = Insecure.SHA1()
        git.update(data: Data("blob \(size)\0".utf8))
        do {
            let file = try FileHandle(forReadingFrom: url)
            defer { try? file.close() }
            while let data = try file.read(upToCount: 1 << 20), !data.isEmpty {
                large.update(data: data)
                if withGitBlob { git.update(data: data) }
            }
        } catch {
            throw KuklaError(.inputOutput, "could not read \(url.path)", cause: error)
        }
        sha256 = Self.hex(large.finalize())
        gitBlob = withGitBlob ? Self.hex(git.finalize()) : nil
    }

    private static func hex(_ digest: some Sequence<UInt8>) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The size of a file in bytes, or `nil` where there is none.
    static func size(of url: URL) -> Int? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: url.path)
        guard attributes?[.type] as? FileAttributeType == .typeRegular else { return nil }
        return (attributes?[.size] as? NSNumber)?.intValue
    }
}

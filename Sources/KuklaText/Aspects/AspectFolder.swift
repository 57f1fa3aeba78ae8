public import Foundation
import KuklaFormats
public import KuklaNumerics

/// A folder with a model and what turns its one space into a space for each of several aspects.
///
/// ```
/// aspects.json             which aspects there are, of which kind, and what each costs
/// base/                    the sentence-transformers folder
/// aspects/NAME/            a LoRA as PEFT writes it, or retrofit.safetensors
/// ```
public struct AspectFolder: Sendable {
    /// What makes an aspect's space of the base.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// Low-rank changes of the encoder's weights: texts must be encoded anew for each aspect.
        case lora
        /// A map behind the base's vectors: one pass of the encoder serves all aspects.
        case retrofit
    }

    /// One aspect.
    public struct Aspect: Sendable, Codable, Hashable {
        public let name: String
        public let kind: Kind
        /// Bytes of its files, the base left out.
        public let bytes: Int
    }

    public let url: URL
    public let aspects: [Aspect]

    /// The base model's folder.
    public var base: URL { url.appending(path: "base") }
    func folder(of aspect: Aspect) -> URL { url.appending(path: "aspects/\(aspect.name)") }

    private struct Contents: Codable {
        var version = 1
        var aspects: [Aspect]
    }

    private static let fileName = "aspects.json"

    /// Whether `url` is such a folder.
    public static func isOne(_ url: URL) -> Bool {
        FileManager.default.fileExists(atPath: url.appending(path: fileName).path)
    }

    /// - Throws: `KuklaError` (`missingFile`, `badData`, `unsupported` for a newer version).
    public init(_ url: URL) throws(KuklaError) {
        let file = try ModelFile(url, Self.fileName)
        let contents = try file.decode(Contents.self)
        guard contents.version == 1 else { throw file.unsupported("version", "\(contents.version)", "1") }
        for aspect in contents.aspects where !Self.isName(aspect.name) {
            throw file.wrong("name", "letters, digits, - and _", aspect.name)
        }
        self.url = url
        aspects = contents.aspects
    }

    /// The aspect of that name.
    ///
    /// - Throws: `KuklaError.usage` that names those there are.
    public func aspect(named name: String?) throws(KuklaError) -> Aspect {
        if let found = aspects.first(where: { $0.name == name }) { return found }
        let known = aspects.map(\.name).joined(separator: ", ")
        guard let name else {
            throw KuklaError(
                .usage,
                "\(url.path) has a space for each of its aspects: choose one with --aspect (\(known)), or name \(base.path) for the model behind them."
            )
        }
        throw KuklaError(
            .usage, "There is no aspect '\(name)' in \(url.path): expected one of \(known).")
    }

    /// Whether an aspect can be called so: it names a folder.
    public static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 100
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
    }

    /// Writes a folder, whole or not at all.
    ///
    /// - Parameters:
    ///   - base: the model's folder, which is copied.
    ///   - write: writes the files of an aspect into a folder that it makes.
    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`), whatever `write` throws.
    package static func write(
        to url: URL, base: URL, aspects: [(name: String, kind: Kind)],
        _ write: (_ index: Int, _ folder: URL) throws(KuklaError) -> Void
    ) throws(KuklaError) -> AspectFolder {
        let folder = try AtomicFolder(url)
        try ModelFolder.make("base", in: folder.staging)
        try ModelFolder.copyAll(from: base, to: folder.staging.appending(path: "base"))
        var written: [Aspect] = []
        for (index, aspect) in aspects.enumerated() {
            contract(isName(aspect.name), "AspectFolder: an aspect called '\(aspect.name)'")
            let place = folder.staging.appending(path: "aspects/\(aspect.name)")
            try write(index, place)
            written.append(
                Aspect(name: aspect.name, kind: aspect.kind, bytes: try ModelFolder.bytes(of: place)))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do { data = try encoder.encode(Contents(aspects: written)) } catch {
            throw KuklaError(.badData, "Cannot write \(fileName).", cause: error)
        }
        try AtomicFile.write(data, to: folder.staging.appending(path: fileName))
        try folder.commit()
        return try AspectFolder(url)
    }
}

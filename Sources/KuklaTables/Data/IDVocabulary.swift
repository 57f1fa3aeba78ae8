import Foundation
import KuklaFormats
import KuklaNumerics

/// The ids of a field's values: numbers from 0, the most frequent value first, and how often training saw each.
///
/// A value that training never saw (or fewer times than the schema asks for) has an id behind all known ones, made of its
/// hash: methods that hash ids treat it as any other, methods with a row for each id know nothing about it.
public struct IDVocabulary: Sendable {
    /// The field.
    public let name: String
    /// Known ids: `0..<count`.
    public let count: Int
    private let values: ValueTable?
    private let counts: AlignedStorage<UInt32>

    /// A vocabulary of `values`, or of `counts.count` buckets that values are hashed to where `values` is nil.
    init(name: String, values: ValueTable?, counts: AlignedStorage<UInt32>) {
        self.name = name
        self.values = values
        self.counts = counts
        count = counts.buffer.count
    }

    /// Whether ids are hashes, so that no values are stored.
    public var isHashed: Bool { values == nil }

    /// How often each id stood in the rows to train on.
    public var occurrences: [UInt32] { Array(counts.buffer) }

    /// The id of a value; never fails.
    public func id(of value: String) -> Int32 {
        var value = value
        return value.withUTF8 { id(of: UnsafeRawBufferPointer($0)) }
    }

    /// The id of a value's bytes.
    ///
    /// - Complexity: O(length of the value).
    public func id(of value: UnsafeRawBufferPointer) -> Int32 {
        let hash = ValueHash.hash(value)
        guard let values else { return IDVocabulary.bucket(hash, of: count) }
        return values.find(value, hash: hash) ?? IDVocabulary.unseen(hash, known: count)
    }

    /// The value of a known id: what stood in the file; nil where ids are hashes.
    public func value(of id: Int) -> String? {
        contract(id >= 0 && id < count, "IDVocabulary: id \(id) of \(count)")
        return values.map { String(decoding: $0.value(id), as: UTF8.self) }
    }

    static func bucket(_ hash: UInt64, of count: Int) -> Int32 { Int32(hash % UInt64(count)) }

    /// An id behind `known` others.
    static func unseen(_ hash: UInt64, known: Int) -> Int32 {
        Int32(UInt64(known) + hash % UInt64(Int(Int32.max) - known))
    }
}

// MARK: - Files

extension IDVocabulary {
    /// Writes the vocabularies of all fields as one file.
    ///
    /// - Throws: `KuklaError(.inputOutput)`.
    static func save(_ vocabularies: [IDVocabulary], to url: URL) throws(KuklaError) {
        var writer = SafetensorsWriter(metadata: ["format": "kukla-vocabulary-1"])
        for (i, vocabulary) in vocabularies.enumerated() {
            vocabulary.values?.add(to: &writer, prefix: "\(i).")
            writer.add(
                bytes: Data(bytes: vocabulary.counts.pointer, count: 4 * vocabulary.count),
                named: "\(i).counts", elementType: .int32, shape: [vocabulary.count])
        }
        try writer.write(to: url)
    }

    /// The vocabularies of fields of these names, read in place.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `badData`).
    static func load(_ url: URL, names: [String]) throws(KuklaError) -> [IDVocabulary] {
        let file = try SafetensorsFile(url)
        guard file.metadata["format"] == "kukla-vocabulary-1" else {
            throw KuklaError(.badData, "Cannot read \(url.path): it is no vocabulary that kukla wrote.")
        }
        var result: [IDVocabulary] = []
        for (i, name) in names.enumerated() {
            let counts: AlignedStorage<UInt32> = try file.borrowed(UInt32.self, .int32, "\(i).counts")
            let values =
                file["\(i).values"] == nil ? nil : try ValueTable(file, prefix: "\(i).")
            guard values.map({ $0.count == counts.buffer.count }) ?? true else {
                throw KuklaError(
                    .badData,
                    "Cannot read \(url.path): field \"\(name)\" has \(values?.count ?? 0) values and \(counts.buffer.count) counts."
                )
            }
            result.append(IDVocabulary(name: name, values: values, counts: counts))
        }
        return result
    }
}

import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore

/// A model whose vectors follow from a text and its own name: what a real one does for a collection, and nothing more.
struct FakeModel: Sendable {
    let identity: ModelIdentity
    let dimensions: Int
    private let seed: UInt64

    /// - Parameter compatible: older models whose vectors its own can be compared with.
    init(_ name: String, dimensions: Int, compatible: [FakeModel] = []) throws {
        identity = try ModelIdentity(
            name: name, digest: FileDigest.sha256(of: Array(name.utf8)),
            compatibleWith: compatible.map(\.identity.digest))
        self.dimensions = dimensions
        seed = Self.hash(name)
    }

    /// FNV-1a: the same in every process.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    func embed(_ texts: [String]) -> Matrix {
        Matrix(
            rows: texts.count, columns: dimensions,
            elements: texts.flatMap { text in
                var random = RandomSource(seed: seed ^ Self.hash(text))
                return (0..<dimensions).map { _ in random.normal() }
            })
    }

    /// What re-encodes by it.
    ///
    /// - Parameter pause: seconds of each call.
    func reencoding(batch: Int = 64, pause: Double = 0) -> Reencoding {
        var request = Reencoding(
            model: identity, modelName: identity.name, dimensions: dimensions
        ) { texts throws(KuklaError) in
            if pause > 0 { Thread.sleep(forTimeInterval: pause) }
            return embed(texts)
        }
        request.batch = batch
        return request
    }

    /// Items with texts that follow from their numbers and `version`, and vectors of them.
    func items(_ numbers: some Sequence<Int>, version: Int = 0) -> ItemBatch {
        let numbers = Array(numbers)
        let texts = numbers.map { "item \($0) word\($0 % 7) version\(version)" }
        return ItemBatch(
            ids: numbers.map { .number(UInt64($0)) }, vectors: embed(texts), texts: texts,
            metadata: numbers.map { ["number": .integer(Int64($0)), "version": .integer(Int64(version))] })
    }
}

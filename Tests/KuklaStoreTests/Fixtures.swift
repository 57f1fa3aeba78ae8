import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport

extension TemporaryFolder {
    /// A store in this folder, whose index is made on request only.
    func store(_ change: (inout StoreOptions) -> Void = { _ in }) throws -> Store {
        var options = StoreOptions(threads: 1)
        options.maintenance = .manual
        options.durability = .process
        change(&options)
        return try Store(url.appending(path: "store"), options: options)
    }

    /// The files of the collection `name`.
    func segments(_ name: String) throws -> [URL] {
        let folder = url.appending(path: "store/collections/\(name)/segments")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    }
}

extension Matrix {
    /// Random vectors.
    init(random rows: Int, _ columns: Int, seed: UInt64) {
        var random = RandomSource(seed: seed)
        self.init(rows: rows, columns: columns, elements: (0..<rows * columns).map { _ in random.normal() })
    }
}

extension ItemBatch {
    /// Items `first...` with texts and metadata that follow from their numbers, and random vectors.
    init(numbers: Range<Int>, dimensions: Int, seed: UInt64 = 1) {
        self.init(
            ids: numbers.map { .number(UInt64($0)) },
            vectors: Matrix(random: numbers.count, dimensions, seed: seed &+ UInt64(numbers.lowerBound)),
            texts: numbers.map { "item \($0) word\($0 % 7)" },
            metadata: numbers.map { ["number": .integer(Int64($0)), "even": .boolean($0 % 2 == 0)] })
    }
}

/// The error that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> KuklaError? {
    do {
        try body()
        return nil
    } catch {
        return error as? KuklaError
    }
}

import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct VectorSetsFileTests {
    private let sets = VectorSets(
        [3, 0, 1, 5].enumerated().map { Matrix.normal(rows: $1, columns: 4, seed: UInt64($0)) }, dimensions: 4
    )

    @Test(arguments: ["a.safetensors", "a.npy"]) func `what is written comes back`(name: String) throws {
        try withFolder { folder in
            for sets in [
                sets, VectorSets([], dimensions: 4), VectorSets(vectors: sets.vectors, offsets: [0, 9]),
            ] {
                let url = folder.appending(path: name)
                try VectorSetsFile.write(sets, to: url)
                #expect(try VectorSetsFile.read(url) == sets)
            }
        }
    }

    @Test func `offsets, lengths, npy and ivecs say the same`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.npy")
            try VectorSetsFile.write(sets, to: url)
            for (index, numbers) in [[0, 3, 3, 4, 9], [3, 0, 1, 5]].enumerated() {
                let (row, column) = (
                    folder.appending(path: "r.ivecs"), folder.appending(path: "c\(index).ivecs")
                )
                let elements = numbers.map { Int32($0) }
                try IntegerMatrix(rows: 1, columns: numbers.count, elements: elements).writeIvecs(to: row)
                try IntegerMatrix(rows: numbers.count, columns: 1, elements: elements).writeIvecs(to: column)
                #expect(try VectorSetsFile.read(url, boundaries: row) == sets)
                #expect(try VectorSetsFile.read(url, boundaries: column) == sets)
            }
        }
    }

    @Test func `half precision in safetensors becomes float32`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            var writer = SafetensorsWriter()
            writer.add(
                Matrix(rows: 2, columns: 2, elements: [1, 2, 3, 0.5]), named: "vectors", as: .bfloat16)
            writer.add(
                Matrix(rows: 1, columns: 2, elements: [0, 2]), named: "offsets", as: .int32, shape: [2])
            try writer.write(to: url)
            #expect(try VectorSetsFile.read(url)[0].elements == [1, 2, 3, 0.5])
        }
    }

    @Test func `boundaries that do not fit are refused in words`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.npy")
            try VectorSetsFile.write(sets, to: url)
            let numbers = folder.appending(path: "n.ivecs")
            for (elements, word) in [
                ([3, 5] as [Int32], "do the files belong together"),
                ([0, 9, 8, 9], "do the files belong together"),
                ([-1, 10], "set 0 has -1"),
            ] {
                try IntegerMatrix(rows: 1, columns: elements.count, elements: elements).writeIvecs(
                    to: numbers)
                #expect(
                    message { try VectorSetsFile.read(url, boundaries: numbers) }.lowercased().contains(word))
            }
            try IntegerMatrix(rows: 2, columns: 2, elements: [3, 0, 1, 5]).writeIvecs(to: numbers)
            #expect(message { try VectorSetsFile.read(url, boundaries: numbers) }.contains("one row"))
            try FileManager.default.removeItem(at: VectorSetsFile.lengthsURL(of: url))
            #expect(message { try VectorSetsFile.read(url) }.contains("a.lengths.npy"))
            #expect(message { try VectorSetsFile.write(sets, to: numbers) }.contains(".safetensors or .npy"))

            let tensors = folder.appending(path: "a.safetensors")
            for offsets in [[1, 9], [0, 10], [0, 5, 4, 9], [], [-1, 9]] as [[Float]] {
                var writer = SafetensorsWriter()
                writer.add(sets.vectors, named: "vectors")
                writer.add(
                    Matrix(rows: 1, columns: offsets.count, elements: offsets), named: "offsets", as: .int64,
                    shape: [offsets.count])
                try writer.write(to: tensors)
                #expect(message { try VectorSetsFile.read(tensors) }.contains("the offsets"), "\(offsets)")
            }
            for (vectors, offsets) in [(ElementType.int8, ElementType.int64), (.float32, .float32)] {
                var writer = SafetensorsWriter()
                writer.add(Matrix(rows: 1, columns: 1, elements: [1]), named: "vectors", as: vectors)
                writer.add(
                    Matrix(rows: 1, columns: 2, elements: [0, 1]), named: "offsets", as: offsets, shape: [2])
                try writer.write(to: tensors)
                #expect(message { try VectorSetsFile.read(tensors) }.contains("expected"))
            }
            #expect(
                message { try VectorSetsFile.read(tensors, boundaries: numbers) }.contains(
                    "from another file"))
            var broken = sets.vectors
            broken[4, 1] = .nan
            try VectorSetsFile.write(VectorSets(vectors: broken, offsets: sets.offsets), to: tensors)
            #expect(message { try VectorSetsFile.read(tensors) }.contains("row 4, column 1"))
        }
    }

    @Test func `cut and damaged files give an error or sets, never a crash`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            try VectorSetsFile.write(sets, to: url)
            let whole = [UInt8](try Data(contentsOf: url))
            for length in 0..<whole.count {
                try replace(url, with: Array(whole[..<length]))
                _ = message { try VectorSetsFile.read(url) }
            }
            var random = RandomSource(seed: 5)
            for _ in 0..<1000 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
                try replace(url, with: bytes)
                do { _ = try VectorSetsFile.read(url) } catch is KuklaError {}
            }
        }
    }
}

import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct VectorFileTests {
    private let grid = Matrix(rows: 5, columns: 3, elements: (0..<15).map { Float($0 - 4) })
    private let absoluteGrid = Matrix(rows: 5, columns: 3, elements: (0..<15).map { Float(abs($0 - 4)) })

    @Test(arguments: [
        "grid_f2_le", "grid_f4_le", "grid_f8_le", "grid_i2_le", "grid_i4_le", "grid_i8_le", "grid_f2_be",
        "grid_f4_be",
        "grid_f8_be", "grid_i2_be", "grid_i4_be", "grid_i8_be", "grid_i1_b", "grid_v1", "grid_v2", "grid_v3",
    ])
    func `numpy's arrays of every type, byte order and version`(name: String) throws {
        let url = golden("\(name).npy")
        #expect(try VectorFile.readAll(url) == grid)
        let reader = try VectorFile.open(url)
        #expect(reader.count == 5 && reader.dimensions == 3)
        #expect(try reader.next(maxRows: 2) == grid[rows: 0..<2])
        #expect(try reader.next(maxRows: 2) == grid[rows: 2..<4])
        #expect(try reader.next(maxRows: 2) == grid[rows: 4..<5])
        #expect(try reader.next(maxRows: 2) == nil)
    }

    @Test func `unsigned bytes, gzip and no rows`() throws {
        #expect(try VectorFile.readAll(golden("grid_u1_b.npy")) == absoluteGrid)
        #expect(try VectorFile.readAll(golden("grid.npy.gz")) == grid)
        #expect(try VectorFile.open(golden("grid.npy.gz")).count == nil)
        let none = try VectorFile.readAll(golden("zero_rows.npy"))
        #expect(none.rows == 0 && none.columns == 3)
    }

    @Test func `every half float is exact`() throws {
        let matrix = try VectorFile.readAll(golden("half_values.npy"), checksFinite: false)
        for (i, value) in matrix.elements.enumerated() {
            let expected = Float(Float16(bitPattern: UInt16(i * 37)))
            #expect(value == expected || value.isNaN && expected.isNaN)
        }
        for bits in UInt16.min ... .max {
            let ours = floatOfHalf(bits)
            let expected = Float(Float16(bitPattern: bits))
            if ours.bitPattern != expected.bitPattern && !(ours.isNaN && expected.isNaN) {
                Issue.record("half \(bits): \(ours), not \(expected)")
            }
        }
    }

    @Test func `fvecs, bvecs, ivecs, JSON lines and idx`() throws {
        let floats = try VectorFile.readAll(golden("floats.npy"))
        #expect(try VectorFile.readAll(golden("floats.fvecs")) == floats)
        #expect(try VectorFile.readAll(golden("floats.jsonl")) == floats)
        #expect(try VectorFile.readAll(golden("bytes.bvecs")) == absoluteGrid)
        #expect(try VectorFile.readAll(golden("numbers.ivecs")) == grid)
        let pictures = try VectorFile.readAll(golden("pictures.idx"))
        #expect(pictures == Matrix(rows: 2, columns: 6, elements: (0..<12).map(Float.init)))
    }

    @Test func `what cannot be read is said in a sentence`() throws {
        #expect(message { try VectorFile.readAll(golden("fortran.npy")) }.contains("Fortran"))
        #expect(message { try VectorFile.readAll(golden("one_dimension.npy")) }.contains("two dimensions"))
        #expect(message { try VectorFile.readAll(golden("labels.idx")) }.contains("labels"))
        #expect(message { try VectorFile.readAll(golden("README.md")) }.contains("it is not npy"))
        #expect(message { try VectorFile.readAll(golden("nothing.npy")) }.contains("No such file"))
        try withFolder { folder in
            let url = folder.appending(path: "x.fvecs")
            try Data().write(to: url)
            #expect(message { try VectorFile.readAll(url) }.contains("it is empty"))
            var bytes = try Data(contentsOf: golden("floats.fvecs"))
            bytes[28 * 2] = 5
            try bytes.write(to: url)
            #expect(
                message { try VectorFile.readAll(url) }.contains(
                    "row 2 (from 0) claims 5 components where row 0 has 6"))
            let npy = folder.appending(path: "x.npy")
            var huge = try Data(contentsOf: golden("grid_f4_le.npy"))
            let shape = try #require(huge.range(of: Data("(5, 3), }       ".utf8)))
            huge.replaceSubrange(shape, with: Data("(500000000, 3), ".utf8))
            try huge.write(to: npy)
            #expect(message { try VectorFile.readAll(npy) }.contains("its header is damaged"))
            huge.replaceSubrange(shape, with: Data("(50000000, 3), }".utf8))
            try huge.write(to: npy)
            #expect(message { try VectorFile.readAll(npy) }.contains("needs 600000000 bytes"))
        }
    }

    @Test func `NaN and infinity are named by row and column`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "x.npy")
            var matrix = Matrix(rows: 9000, columns: 5)
            matrix[8500, 3] = .infinity
            let writer = try NPYWriter(url, dimensions: 5)
            try writer.append(matrix)
            try writer.commit()
            #expect(
                message { try VectorFile.readAll(url) }.contains("row 8500, column 3 (both from 0) is inf"))
            let reader = try VectorFile.open(url)
            #expect(
                message { while try reader.next(maxRows: 100) != nil {} }.contains("row 8500, column 3"))
            #expect(try VectorFile.readAll(url, checksFinite: false) == matrix)
        }
    }

    @Test func `writers give back what they were given`() throws {
        var random = RandomSource(seed: 3)
        let matrix = Matrix(rows: 3000, columns: 17) { out in
            for i in out.indices { out[i] = random.normal() }
        }
        let whole = Matrix(rows: 50, columns: 4, elements: (0..<200).map { Float($0 / 2) })
        try withFolder { folder in
            func roundTrip(_ make: (URL) throws -> any VectorWriter, _ name: String, _ matrix: Matrix) throws
                -> Matrix
            {
                let url = folder.appending(path: name)
                let writer = try make(url)
                for start in stride(from: 0, to: matrix.rows, by: 700) {
                    try writer.append(matrix[rows: start..<min(start + 700, matrix.rows)])
                }
                #expect(writer.count == matrix.rows)
                #expect(!FileManager.default.fileExists(atPath: url.path))
                try writer.commit()
                return try VectorFile.readAll(url)
            }
            let npy = try roundTrip({ try NPYWriter($0, dimensions: 17) }, "a.npy", matrix)
            #expect(npy == matrix)
            #expect(try roundTrip({ try FvecsWriter($0, dimensions: 17) }, "a.fvecs", matrix) == matrix)
            #expect(
                try roundTrip({ try JSONLinesVectorWriter($0, dimensions: 17) }, "a.jsonl", matrix) == matrix)
            for type in [ElementType.int8, .uint8, .int32, .int64, .float64, .float16] {
                #expect(
                    try roundTrip(
                        { try NPYWriter($0, dimensions: 4, elementType: type) }, "\(type).npy", whole)
                        == whole)
            }
            let writer = try NPYWriter(folder.appending(path: "b.npy"), dimensions: 17, elementType: .int8)
            #expect(message { try writer.append(matrix) }.contains("which int8 cannot hold"))
            let half = try NPYWriter(folder.appending(path: "c.npy"), dimensions: 1, elementType: .float16)
            #expect(
                message { try half.append(Matrix(rows: 2, columns: 1, elements: [1, 70000])) }.contains(
                    "row 1, column 0"))
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/opt/peers/bin/python")))
    func `numpy reads what is written`() throws {
        try withFolder { folder in
            for type in [ElementType.int8, .uint8, .int32, .int64, .float64, .float16, .float32] {
                let writer = try NPYWriter(
                    folder.appending(path: "\(type).npy"), dimensions: 3, elementType: type)
                for row in 0..<5 { try writer.append(absoluteGrid[rows: row..<row + 1]) }
                try writer.commit()
            }
            let script = """
                import numpy as np
                want = np.abs(np.arange(15).reshape(5, 3) - 4)
                for name in ["int8", "uint8", "int32", "int64", "float64", "float16", "float32"]:
                    got = np.load("\(folder.path)/" + name + ".npy")
                    assert got.dtype == name and got.shape == (5, 3) and (got == want).all(), name
                """
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/opt/peers/bin/python")
            process.arguments = ["-c", script]
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }
    }

    @Test(.enabled(if: SharedData.has("ann_sift5k") && SharedData.has("mnist")))
    func `real vector files have the shapes that are known`() throws {
        let sift = try VectorFile.readAll(#require(SharedData.url("ann_sift5k/base.fvecs.gz")))
        #expect(sift.rows == 5000 && sift.columns == 128)
        let mnist = try VectorFile.open(#require(SharedData.url("mnist/t10k-images-idx3-ubyte.gz")))
        #expect(mnist.dimensions == 784)
        var rows = 0
        while let block = try mnist.next(maxRows: 999) { rows += block.rows }
        #expect(rows == 10_000)
    }
}

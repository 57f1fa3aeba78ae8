import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct FileSummaryTests {
    @Test func `every format says what it holds`() throws {
        func arrays(_ name: String) throws -> [String] {
            let summary = try FileSummary.inspect(golden(name))
            return [summary.format] + summary.arrays.map { "\($0.elementType) \($0.shape) \($0.sizeBytes)" }
        }
        #expect(try arrays("grid_f4_le.npy") == ["npy", "float32 [5, 3] 60"])
        #expect(try arrays("grid.npy.gz") == ["npy", "float32 [5, 3] 60"])
        #expect(try arrays("one_dimension.npy") == ["npy", "int32 [4] 16"])
        #expect(try arrays("floats.fvecs") == ["fvecs", "float32 [4, 6] 96"])
        #expect(try arrays("bytes.bvecs") == ["bvecs", "uint8 [5, 3] 15"])
        #expect(try arrays("numbers.ivecs") == ["ivecs", "int32 [5, 3] 60"])
        #expect(try arrays("pictures.idx") == ["idx", "uint8 [2, 2, 3] 12"])
        #expect(try arrays("floats.jsonl") == ["JSON lines", "float32 [4, 6] 96"])
        #expect(try arrays("small.safetensors").contains("bfloat16 [2, 3] 12"))
        #expect(try FileSummary.inspect(golden("fortran.npy")).facts == ["order": "Fortran"])
        #expect(try FileSummary.inspect(golden("grid.npy.gz")).isCompressed)
        #expect(message { try FileSummary.inspect(golden("README.md")) }.contains("Cannot tell what"))
        let summary = try FileSummary.inspect(golden("small.safetensors"))
        #expect(try JSONDecoder().decode(FileSummary.self, from: JSONEncoder().encode(summary)) == summary)
    }

    @Test func `checksums are those of the standard tools`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "x")
            try Data("abc".utf8).write(to: url)
            #expect(
                try FileDigest.sha256(of: url)
                    == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        }
        let check = Array("123456789".utf8)
        check.withUnsafeBytes { bytes in
            #expect(FileDigest.crc32(bytes) == 0xCBF4_3926)
            let first = FileDigest.crc32(UnsafeRawBufferPointer(rebasing: bytes[..<4]))
            #expect(
                FileDigest.crc32(UnsafeRawBufferPointer(rebasing: bytes[4...]), after: first) == 0xCBF4_3926)
        }
    }

    @Test func `whole numbers`() throws {
        let expected = IntegerMatrix(rows: 5, columns: 3, elements: (0..<15).map { $0 - 4 })
        for name in ["numbers.ivecs", "grid_i4_le.npy", "grid_i8_be.npy", "grid_i1_b.npy"] {
            #expect(try IntegerMatrix(golden(name)) == expected)
        }
        #expect(try IntegerMatrix(golden("one_dimension.npy")).elements == [0, 1, 2, 3])
        #expect(try IntegerMatrix(golden("labels.idx")).elements == [7, 2, 1, 0])
        #expect(message { try IntegerMatrix(golden("grid_f4_le.npy")) }.contains("float32"))
        try withFolder { folder in
            let url = folder.appending(path: "a.ivecs")
            try expected.writeIvecs(to: url)
            #expect(try Data(contentsOf: url) == Data(contentsOf: golden("numbers.ivecs")))
            let wide = folder.appending(path: "a.npy")
            let writer = try NPYWriter(wide, dimensions: 2, elementType: .int64)
            try writer.append(Matrix(rows: 1, columns: 2, elements: [1, 0x1p31]))
            try writer.commit()
            #expect(
                message { try IntegerMatrix(wide) }.contains("row 0, column 1 (both from 0) is 2147483648"))
        }
    }

    @Test(.enabled(if: SharedData.has("ann_sift5k")))
    func `the ground truth of SIFT starts with the nearest vector`() throws {
        let truth = try IntegerMatrix(#require(SharedData.url("ann_sift5k/groundtruth_l2_top100.ivecs")))
        let base = try VectorFile.readAll(#require(SharedData.url("ann_sift5k/base.fvecs.gz")))
        let queries = try VectorFile.readAll(#require(SharedData.url("ann_sift5k/query.fvecs.gz")))
        #expect(truth.rows == 100 && truth.columns == 100 && queries.rows == 100)
        for q in 0..<10 {
            let query = queries.row(q)
            let distances = (0..<base.rows).map { row in
                base.withUnsafeRow(row) {
                    zip($0, query).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                }
            }
            #expect(distances.firstIndex(of: distances.min()!) == Int(truth[q, 0]))
        }
    }
}

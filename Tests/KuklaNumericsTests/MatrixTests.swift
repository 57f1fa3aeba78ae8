import Foundation
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct MatrixTests {
    @Test func `writing to a copy or a row range leaves the original alone`() {
        let original = Matrix.normal(rows: 4, columns: 3, seed: 1)
        var copy = original
        copy[2, 1] = 7
        var range = original[rows: 1..<3]
        range[0, 0] = 9
        #expect(original == Matrix.normal(rows: 4, columns: 3, seed: 1))
        #expect(copy[2, 1] == 7 && range[0, 0] == 9)
        #expect(original[rows: 2..<4].row(1) == original.row(3))
    }

    @Test func `a matrix over a memory map reads in place and copies when written`() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "kukla-map-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        let values: [Float] = [1, 2, 3, 4, 5, 6]
        try values.withUnsafeBytes { Data($0) }.write(to: url)
        let file = try MappedFile(url)
        var matrix = Matrix(rows: 2, columns: 3, borrowing: file.bytes.bindMemory(to: Float.self), from: file)
        #expect(matrix.elements == values)
        matrix[0, 0] = 9
        #expect(matrix.row(0) == [9, 2, 3])
        #expect(file.bytes.load(as: Float.self) == 1)
    }

    @Test func `a missing file is named`() throws {
        let error = #expect(throws: KuklaError.self) { try MappedFile(URL(fileURLWithPath: "/no/such/file")) }
        #expect(error?.code == .missingFile)
        #expect(error?.message.contains("/no/such/file") == true)
    }

    @Test func `a product agrees with sums in double, on one thread and on two`() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (130, 33, 65), (257, 384, 64), (4, 0, 3)] {
            let a = Matrix.normal(rows: m, columns: k, seed: 1)
            let b = Matrix.normal(rows: n, columns: k, seed: 2)
            let product = a.multiplied(by: b, transposed: true, threads: 1)
            for i in 0..<m {
                for j in 0..<n {
                    let exact = (0..<k).reduce(0.0) { $0 + Double(a[i, $1]) * Double(b[j, $1]) }
                    #expect(abs(Double(product[i, j]) - exact) < 1e-4)
                }
            }
            #expect(a.multiplied(by: b, transposed: true, threads: 2) == product)
        }
    }

    @Test func `eigenvectors rebuild the matrix, largest first`() throws {
        let a = Matrix.normal(rows: 20, columns: 9, seed: 3)
        let square = a.transposed().multiplied(by: a.transposed(), transposed: true)
        let (values, vectors) = try square.symmetricEigen()
        #expect(values == values.sorted(by: >))
        for i in 0..<9 {
            for j in 0..<9 {
                let rebuilt = (0..<9).reduce(Float(0)) { $0 + values[$1] * vectors[$1, i] * vectors[$1, j] }
                #expect(abs(rebuilt - square[i, j]) < 1e-3)
            }
        }
    }

    @Test func `singular vectors rebuild the matrix`() throws {
        let a = Matrix.normal(rows: 7, columns: 12, seed: 4)
        let (u, values, vt) = try a.singularValues()
        for i in 0..<7 {
            for j in 0..<12 {
                let rebuilt = (0..<7).reduce(Float(0)) { $0 + u[i, $1] * values[$1] * vt[$1, j] }
                #expect(abs(rebuilt - a[i, j]) < 1e-4)
            }
        }
    }

    @Test func `a random rotation keeps lengths and depends on its seed`() throws {
        let q = try Matrix.randomRotation(dimensions: 33, seed: 5)
        let identity = q.multiplied(by: q, transposed: true)
        for i in 0..<33 { for j in 0..<33 { #expect(abs(identity[i, j] - (i == j ? 1 : 0)) < 1e-5) } }
        #expect(try q == Matrix.randomRotation(dimensions: 33, seed: 5))
        #expect(try q != Matrix.randomRotation(dimensions: 33, seed: 6))
    }

    @Test func `infinite components are an error, not an answer`() {
        var a = Matrix.normal(rows: 4, columns: 4, seed: 6)
        a[1, 1] = .nan
        #expect(throws: KuklaError.self) { try a.symmetricEigen() }
        #expect(throws: KuklaError.self) { try a.singularValues() }
    }
}

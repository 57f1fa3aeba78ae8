import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct LinearAlgebraTests {
    private static func normal(_ shape: [Int], _ seed: UInt64 = 1) -> Tensor {
        var random = RandomSource(seed: seed)
        return Tensor.normal(shape, using: &random)
    }

    private static func positiveDefinite(_ lead: [Int], _ n: Int, _ seed: UInt64 = 1) -> Tensor {
        let x = normal(lead + [n, n], seed)
        return x.matmul(x, transposingOther: true) + Tensor.identity(n)
    }

    private static func difference(_ a: Tensor, _ b: Tensor) -> Float {
        zip(a.elements, b.elements).map { abs($0 - $1) }.max() ?? 0
    }

    private static func diagonal(_ values: Tensor) -> Tensor {
        values.reshaped(values.shape + [1]) * Tensor.identity(values.shape[values.rank - 1])
    }

    @Test(arguments: [1, 2, 7, 30], [[], [3], [2, 2]])
    func `factors multiply to the matrix`(n: Int, lead: [Int]) throws {
        let a = Self.positiveDefinite(lead, n)
        let tolerance = 2e-6 * Float(n) * Float(n)
        let l = try a.cholesky()
        #expect(Self.difference(l.matmul(l, transposingOther: true), a) < tolerance)
        let (values, v) = try a.symmetricEigen()
        #expect(values.shape == lead + [n])
        let again = v.matmul(Self.diagonal(values)).matmul(v, transposingOther: true)
        #expect(Self.difference(again, a) < tolerance)
        for (m, k) in [(n, n), (n + 3, n), (n, n + 3)] {
            let x = Self.normal(lead + [m, k], 2)
            let (u, s, vt) = try x.singularValues()
            #expect(Self.difference(u.matmul(Self.diagonal(s)).matmul(vt), x) < tolerance)
            let (q, r) = try x.qr()
            #expect(q.shape == lead + [m, min(m, k)])
            #expect(Self.difference(q.matmul(r), x) < tolerance)
            let gram = q.matmul(q, transposingSelf: true)
            #expect(Self.difference(gram, gram * 0 + Tensor.identity(min(m, k))) < tolerance)
        }
    }

    @Test(arguments: [1, 6], [[], [3]])
    func `solutions solve`(n: Int, lead: [Int]) throws {
        let a = Self.positiveDefinite(lead, n)
        let b = Self.normal(lead + [n, 4], 3)
        #expect(Self.difference(a.matmul(try a.solve(b)), b) < 1e-5)
        #expect(Self.difference(a.matmul(try a.inverse()), a * 0 + Tensor.identity(n)) < 1e-5)
        let l = try a.cholesky()
        #expect(Self.difference(l.matmul(try l.triangularSolve(b)), b) < 1e-5)
        let x = try l.triangularSolve(b, transposed: true)
        #expect(Self.difference(l.matmul(x, transposingSelf: true), b) < 1e-5)
        // The other triangle is not read.
        let y = try a.triangularSolve(b, isUpper: true)
        let upper = a * Tensor(shape: [n, n]) { for i in $0.indices { $0[i] = i / n <= i % n ? 1 : 0 } }
        #expect(Self.difference(upper.matmul(y), b) < 1e-5)
        let logarithm = try a.logDeterminant()
        #expect(Self.difference(logarithm, try a.logDeterminant(isPositiveDefinite: true)) < 1e-5)
        #expect(logarithm.shape == lead)
    }

    @Test func `the sign of a determinant`() throws {
        let a = Tensor(shape: [2, 2, 2], elements: [0, 2, 3, 0, 2, 0, 0, 3])
        let (sign, logarithm) = try a.signAndLogDeterminant()
        #expect(sign.elements == [-1, 1])
        #expect(Self.difference(logarithm, Tensor([1.7917595, 1.7917595])) < 1e-6)
    }

    @Test func `bad matrices are named`() throws {
        let a = Tensor(shape: [2, 2, 2], elements: [1, 0, 0, 1, 1, 2, 2, 1])
        let error = #expect(throws: KuklaError.self) { try a.cholesky() }
        #expect(error?.code == .badData)
        #expect(
            error?.message.contains("matrix 1 of 2") == true && error?.message.contains("pivot 2") == true)
        let singular = Tensor(shape: [2, 2], elements: [1, 2, 2, 4])
        for run in [
            { try singular.inverse() }, { try singular.logDeterminant() }, { try singular.solve(singular) },
        ] {
            let error = #expect(throws: KuklaError.self) { try run() }
            #expect(error?.message.contains("singular") == true)
        }
        let hole = Tensor(shape: [2, 2], elements: [1, 0, 5, 0])
        let zero = #expect(throws: KuklaError.self) { try hole.triangularSolve(singular) }
        #expect(zero?.message.contains("row 1") == true)
        let nan = Tensor(shape: [1, 1], elements: [.nan])
        for run in [{ try nan.cholesky() }, { try nan.symmetricEigen().values }, { try nan.qr().r }] {
            let error = #expect(throws: KuklaError.self) { try run() }
            #expect(error?.code == .badData)
        }
    }

    @Test func `equal eigenvalues have finite gradients, exact where the basis does not matter`() throws {
        // The projector on the plane of the twin eigenvalue 2 and its gradient: invariant under turning the basis.
        let a = Tensor(shape: [3, 3], elements: [2, 0, 0, 0, 2, 0, 0, 0, 5]).watched()
        let vectors = try a.symmetricEigen().vectors
        let pair = vectors * Tensor([1, 1, 0])
        let projector = pair.matmul(pair, transposingOther: true)
        let weights = Tensor(shape: [3, 3], elements: [0, 0, 1, 0, 0, 0, 1, 0, 0])
        let gradient = try #require((projector * weights).sum().gradients()[a]).dense
        // d P = -(e3 e1' + e1 e3') dA_13 / (5 - 2); each triangle gets half of the sum's 2.
        let expected: [Float] = [0, 0, -1 / 3, 0, 0, 0, -1 / 3, 0, 0]
        #expect(Self.difference(gradient, Tensor(shape: [3, 3], elements: expected)) < 1e-6)
        let same = Tensor.identity(3).watched()
        let (u, s, vt) = try same.singularValues()
        let loss = (u * Tensor([1, 2, 3])).sum() + s.sum() + (vt * vt * vt).sum()
        #expect(try #require(loss.gradients()[same]).dense.elements.allSatisfy(\.isFinite))
    }

    @Test func `no matrices, and matrices of nothing`() throws {
        #expect(try Tensor.zeros([0, 3, 3]).cholesky().shape == [0, 3, 3])
        #expect(try Tensor.zeros([0, 3, 2]).singularValues().u.shape == [0, 3, 2])
        #expect(try Tensor.zeros([2, 0, 0]).logDeterminant().elements == [0, 0])
        #expect(try Tensor.zeros([0, 3, 2]).qr().r.shape == [0, 2, 2])
    }
}

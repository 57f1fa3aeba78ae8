import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// A result that could not be computed is NaN, which no check accepts.
    private static func orNaN(_ body: () throws -> Tensor) -> Tensor { (try? body()) ?? Tensor(.nan) }

    private static func matrices(_ rows: Int, _ columns: Int) -> @Sendable (inout RandomSource) -> [Tensor] {
        { [Tensor.normal([2, rows, columns], using: &$0)] }
    }

    /// Diagonally dominant, so that no step comes near a singular matrix.
    private static func regular(_ n: Int, sides k: Int) -> @Sendable (inout RandomSource) -> [Tensor] {
        { random in
            [
                Tensor.normal([2, n, n], using: &random) * 0.3 + Tensor.identity(n) * 2,
                Tensor.normal([2, n, k], using: &random),
            ]
        }
    }

    private static func positiveDefinite(_ x: Tensor) -> Tensor {
        x.matmul(x, transposingOther: true) * 0.3 + Tensor.identity(x.shape[x.rank - 1])
    }

    /// Symmetric with eigenvalues well apart.
    private static func spread(_ x: Tensor) -> Tensor {
        let n = x.shape[x.rank - 1]
        let diagonal = Tensor(shape: [n, n]) { out in
            for i in out.indices { out[i] = i / n == i % n ? Float(3 * (i % n) - 4) : 0 }
        }
        return (x + x.matmul(Tensor.identity(n), transposingSelf: true)) * 0.3 + diagonal
    }

    private static func tallSpread(_ x: Tensor) -> Tensor {
        let (m, n) = (x.shape[x.rank - 2], x.shape[x.rank - 1])
        return x * 0.3
            + Tensor(shape: [m, n]) { out in
                for i in out.indices { out[i] = i / n == i % n ? Float(3 * (i % n) + 2) : 0 }
            }
    }

    static let linearAlgebra: [GradientCase] =
        [
            GradientCase("cholesky", inputs: matrices(4, 4)) { x in
                orNaN { try positiveDefinite(x[0]).cholesky() }
            },
            GradientCase("inverse", inputs: regular(4, sides: 1)) { x in orNaN { try x[0].inverse() } },
            GradientCase("solve", inputs: regular(4, sides: 3)) { x in orNaN { try x[0].solve(x[1]) } },
            GradientCase("logDeterminant", inputs: regular(5, sides: 1)) { x in
                orNaN { try x[0].logDeterminant() }
            },
            GradientCase("logDeterminant, positive definite", inputs: matrices(4, 4)) { x in
                orNaN { try positiveDefinite(x[0]).logDeterminant(isPositiveDefinite: true) }
            },
            GradientCase("symmetricEigen values", inputs: matrices(4, 4)) { x in
                orNaN { try spread(x[0]).symmetricEigen().values }
            },
            GradientCase("symmetricEigen vectors", inputs: matrices(4, 4)) { x in
                // Squares and products of two: no sign to depend on.
                orNaN {
                    let vectors = try spread(x[0]).symmetricEigen().vectors
                    return vectors.matmul(vectors * Tensor([1, 2, 3, 4]), transposingOther: true)
                }
            },
            GradientCase("singularValues values", inputs: matrices(5, 3)) { x in
                orNaN { try tallSpread(x[0]).singularValues().values }
            },
            GradientCase("singularValues, tall", inputs: matrices(5, 3)) { x in
                orNaN {
                    let (u, _, vt) = try tallSpread(x[0]).singularValues()
                    return (u * Tensor([1, 2, 3])).matmul(vt)
                }
            },
            GradientCase("singularValues, wide", inputs: matrices(3, 5)) { x in
                orNaN {
                    let (u, s, vt) = try tallSpread(x[0]).singularValues()
                    return (u * s.reshaped([2, 1, 3]) * Tensor([1, 2, 3])).matmul(vt)
                }
            },
            GradientCase("qr, tall", inputs: matrices(5, 3)) { x in
                orNaN {
                    let (q, r) = try tallSpread(x[0]).qr()
                    return q.matmul(r * r + r)
                }
            },
            GradientCase("qr, wide", inputs: matrices(3, 5)) { x in
                orNaN {
                    let (q, r) = try tallSpread(x[0]).qr()
                    return q.matmul(r * r)
                }
            },
        ]
        + [false, true].flatMap { isUpper in
            [false, true].map { transposed in
                GradientCase(
                    "triangularSolve, upper \(isUpper), transposed \(transposed)",
                    inputs: regular(4, sides: 3)
                ) { x in
                    orNaN { try x[0].triangularSolve(x[1], isUpper: isUpper, transposed: transposed) }
                }
            }
        }
}

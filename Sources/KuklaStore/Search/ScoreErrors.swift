/// By how much scores of codes were off, of the candidates of one search whose vectors were looked at (Welford 1962, doi:10.2307/1266577).
struct ScoreErrors {
    private var count = 0.0
    private var mean = 0.0
    private var squares = 0.0

    /// A score by code, and that of the vectors.
    mutating func add(_ coded: Float, _ exact: Float) {
        let error = Double(exact) - Double(coded)
        count += 1
        let step = error - mean
        mean += step / count
        squares += step * (error - mean)
    }

    /// What may be added to the score of a code that was not looked at: the errors' mean and four of their standard deviations.
    ///
    /// Codes whose scores are on another scale than the vectors' have errors as wide as the scores themselves: of these nothing is ruled out.
    var most: Double {
        count > 1 ? mean + 4 * (squares / (count - 1)).squareRoot() : .infinity
    }
}

-- wrk: the bodies of a file, a line each, one after the other, from a place of each thread's own. `wrk -s request.lua URL -- BODIES`.
local threads = 0

function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

function init(arguments)
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   bodies = {}
   for line in io.lines(arguments[1]) do bodies[#bodies + 1] = line end
   place = number * math.floor(#bodies / 2)
end

function request()
   place = place % #bodies + 1
   return wrk.format(nil, nil, nil, bodies[place])
end

function done(summary, latency, requests)
   local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format('{"requests": %d, "seconds": %f, "failed": %d, "p50_ms": %f, "p99_ms": %f}\n',
      summary.requests, summary.duration / 1e6, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end

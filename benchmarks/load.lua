-- The load: each thread of wrk has one connection, on which it posts a job, asks until it is done, and posts the next.
--
-- Arguments: path to post to; body; file with the right answer; query of the asking ("" or "?wait=10"); jobs per
-- second of one thread, 0 for as many as possible.

local ffi = require("ffi")
ffi.cdef([[
typedef struct { long seconds; long nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
]])
local MONOTONIC = 1
local SECOND = 1e6 -- times are in microseconds
local LONGEST_RUNNING_ANSWER_CHARS = 100
local SHOWN_CHARS = 200
local LONGEST_WAIT = 2 * SECOND -- a job without an answer for longer is missing

local clock = ffi.new("bench_time")
local threads = {}
local post, expected, query, job, accepted_at

-- Global, so that done() can read them from each thread; waits_since is 0 while nothing is asked.
jobs, wrong, first_wrong, latencies, waits_since = 0, 0, "", {}, 0

local function now()
  ffi.C.clock_gettime(MONOTONIC, clock)
  return tonumber(clock.seconds) * SECOND + tonumber(clock.nanoseconds) / 1000
end

-- Let the jobs of a thread arrive at random (a Poisson process). A thread that is late posts at once and catches up.
local function limit_rate(jobs_per_second)
  math.randomseed(number)
  local due = now()
  delay = function()
    if job then
      return 0
    end
    due = due - math.log(1 - math.random()) * SECOND / jobs_per_second
    return math.max(0, (due - now()) / 1000)
  end
end

local function note_wrong(status, body)
  wrong = wrong + 1
  if first_wrong == "" then
    first_wrong = status .. " " .. body:sub(1, SHOWN_CHARS)
  end
  job, waits_since = nil, 0
end

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(args)
  post = wrk.format("POST", args[1], { ["Content-Type"] = "application/json", ["Host"] = wrk.headers["Host"] }, args[2])
  local file = assert(io.open(args[3], "rb"))
  expected = file:read("*a")
  file:close()
  query = args[4]
  if tonumber(args[5]) > 0 then
    limit_rate(tonumber(args[5]))
  end
end

function request()
  if job then
    return wrk.format("GET", "/api/get_results/" .. job .. query)
  end
  waits_since = now()
  return post
end

function response(status, _, body)
  if not job then
    job = status == 200 and body:match('"job_id"%s*:%s*"([^"]+)"')
    accepted_at = now()
    if not job then
      note_wrong(status, body)
    end
  elseif status == 200 and body == expected then
    jobs = jobs + 1
    if delay then
      latencies[#latencies + 1] = now() - accepted_at
    end
    job, waits_since = nil, 0
  elseif status ~= 200 or #body > LONGEST_RUNNING_ANSWER_CHARS or not body:find('"running"', 1, true) then
    note_wrong(status, body)
  end
end

local function percentile_ms(sorted, part)
  return #sorted > 0 and sorted[math.ceil(#sorted * part)] / 1000 or 0
end

function done(summary)
  local all, total, fewest, missing, wrongs, shown = {}, 0, math.huge, 0, 0, ""
  for _, thread in ipairs(threads) do
    local of_thread = thread:get("jobs")
    total, fewest = total + of_thread, math.min(fewest, of_thread)
    wrongs = wrongs + thread:get("wrong")
    local since = thread:get("waits_since")
    missing = missing + (since > 0 and now() - since > LONGEST_WAIT and 1 or 0)
    shown = shown ~= "" and shown or thread:get("first_wrong")
    for _, latency in ipairs(thread:get("latencies")) do
      all[#all + 1] = latency
    end
  end
  table.sort(all)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(("\nRESULT %d %d %d %d %d %.6f %.4f %.4f\n"):format(
    total, fewest, missing, wrongs, failed, summary.duration / SECOND, percentile_ms(all, 0.5), percentile_ms(all, 0.99)
  ))
  io.write("WRONG " .. shown:gsub("%c", " ") .. "\n")
end

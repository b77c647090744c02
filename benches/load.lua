-- Which requests does wrk send?
--
-- wrk -t1 ... -s load.lua -- KIND INSTANCES FIRST; the token, the service key and the rows of an
-- instance come from the environment. Instances are taken evenly from FIRST to FIRST+INSTANCES-1.
-- The result is one line of JSON on standard output.

local token = os.getenv("BENCH_TOKEN")
local key = os.getenv("BENCH_SERVICE_KEY")
local rows = tonumber(os.getenv("BENCH_ROWS") or "100")
local user = { ["Authorization"] = "Bearer " .. (token or ""), ["Content-Type"] = "application/json" }
local service = { ["X-EdgeBase-Service-Key"] = key or "", ["Content-Type"] = "application/json" }

local kind, instances, first
local sent = 0

local function encode(text)
  return (text:gsub("[^%w%-_.~=&]", function(c) return string.format("%%%02X", c:byte()) end))
end

local body = '{"title":"a title","body":"some text of a note","ownerId":"u1","rank":5,"done":false}'
local batch = '{"inserts":[' .. string.rep(body, 100, ",") .. ']}'
local filter = encode('[["done","==",true],["rank",">",10]]')

function init(args)
  kind, instances, first = args[1], tonumber(args[2]), tonumber(args[3])
  math.randomseed(os.time())
end

local function notes(table)
  return "/api/db/space/i" .. (first + math.random(0, instances - 1)) .. "/tables/" .. table
end

local kinds = {
  get = function() return "GET", notes("notes") .. "/n" .. math.random(rows), user end,
  list = function() return "GET", notes("notes") .. "?limit=20", user end,
  filter = function() return "GET", notes("notes") .. "?limit=20&filter=" .. filter, user end,
  ruled = function() return "GET", notes("notes") .. "?limit=100&includeTotal=false", user end,
  unruled = function() return "GET", notes("open") .. "?limit=100&includeTotal=false", user end,
  insert = function() return "POST", notes("open"), user, body end,
  patch = function()
    return "PATCH", notes("notes") .. "/n" .. math.random(rows), user, '{"rank":' .. math.random(100) .. "}"
  end,
  openlist = function() return "GET", notes("open") .. "?limit=20", user end,
  openpatch = function()
    return "PATCH", notes("open") .. "/n" .. math.random(rows), user, '{"rank":' .. math.random(100) .. "}"
  end,
  largelist = function() return "GET", "/api/db/space/big/tables/large?limit=20", user end,
  largecount = function() return "GET", "/api/db/space/big/tables/large/count", user end,
  peer = function() return "GET", "/api/collections/notes/records?perPage=20", user end,
  batch = function() return "POST", notes("open") .. "/batch", user, batch end,
  member = function()
    return "GET", "/api/db/workspace/w1/tables/notes/n" .. math.random(rows), user
  end,
  scan = function()
    return "GET", notes("open") .. "/count?filter=" .. encode('[["body","contains","nowhere"]]'), user
  end,
  sql = function()
    local sql = '{"namespace":"space","id":"i' .. (first + math.random(0, instances - 1)) ..
      '","sql":"SELECT id, title FROM notes WHERE id = $1","params":["n' .. math.random(rows) .. '"]}'
    return "POST", "/api/sql", service, sql
  end,
  -- One instance for every request, counted up, made by its first write.
  create = function()
    sent = sent + 1
    return "POST", "/api/db/space/i" .. (first + sent) .. "/tables/notes", user, body
  end,
}

function request()
  local method, path, headers, content = kinds[kind]()
  return wrk.format(method, path, headers, content)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.4f,"p50":%.3f,"p99":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
